# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the ledger would go with a job of AWX; mount tables as they stand in real containers, and in none."""

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_place import is_job, read_mounts, why_lost

LEDGER = "/var/lib/dse-backup/ledger"
JOB = {"AWX_ISOLATED_DATA_DIR": "/runner/artifacts/7"}
POD = "/var/lib/kubelet/pods/1f0c2b/volumes"
ROOT = "600 500 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c"
RUNNER = "601 600 254:1 /tmp/awx_7_x9 /runner rw,relatime - xfs /dev/vda1 rw"
PROC = "602 600 0:51 / /proc rw,nosuid shared:3 master:2 - proc proc rw"


def lost(*volumes, directory=LEDGER, environment=None):
    table = "\n".join((ROOT, PROC, RUNNER, *volumes))
    return why_lost(directory, JOB if environment is None else environment, read_mounts(table))


def volume(root, kind="xfs", point="/var/lib/dse-backup", source="/dev/vda1"):
    return f"610 600 254:1 {root} {point} rw,relatime - {kind} {source} rw"


@pytest.mark.parametrize(
    ("volumes", "what"),
    [
        ((), "parte del contenedor mismo"),
        # Beside it, not around it.
        ((volume("/srv", point="/var/lib/dse-back"),), "parte del contenedor mismo"),
        ((volume("/srv", point="/var/lib/dse-backup/ledger-2"),), "parte del contenedor mismo"),
        ((volume("/", "tmpfs", source="tmpfs"),), "un disco en memoria (tmpfs)"),
        ((volume("/", "overlay", source="overlay"),), "«:O»"),
        ((volume(f"{POD}/kubernetes.io~empty-dir/registro"),), "«emptyDir»"),
        ((volume(f"/var/lib/containers/storage/volumes/{'0a' * 32}/_data"),), "un volumen sin nombre"),
        # What lies over a volume hides it.
        ((volume("/srv/dse"), volume("/", "tmpfs", source="tmpfs")), "un disco en memoria (tmpfs)"),
        ((volume("/srv/dse"), volume("/", "tmpfs", point=LEDGER, source="tmpfs")), "un disco en memoria (tmpfs)"),
    ],
)
def test_what_goes_with_the_job_is_refused_and_what_to_do_is_said(volumes, what):
    """Breaks: a night's records are written where AWX throws them away with the container."""
    said = lost(*volumes)
    assert what in said and LEDGER in said
    assert "AWX_ISOLATION_SHOW_PATHS" in said and "PersistentVolumeClaim" in said and "DSE_BACKUP_LEDGER" in said


def test_the_jobs_own_directory_goes_too_and_a_volume_in_it_does_not():
    assert "(/runner)" in lost(directory="/runner/ledger")
    assert "(/runner)" in lost(directory="/runner/project/ledger")
    # As where the job's directory is not mounted, in Kubernetes.
    assert "contenedor mismo" in why_lost("/runner/ledger", JOB, read_mounts(ROOT))


@pytest.mark.parametrize(
    "root",
    [
        "/srv/dse-backup",
        "/",
        f"{POD}/kubernetes.io~nfs/registro",
        f"{POD}/kubernetes.io~csi/pvc-1/mount",
        "/var/lib/containers/storage/volumes/registro/_data",
    ],
)
@pytest.mark.parametrize("kind", ["xfs", "ext4", "nfs4", "btrfs"])
def test_a_volume_that_stays_is_taken(root, kind):
    """Breaks: the remedy that the refusal names is refused as well."""
    assert lost(volume(root, kind)) == ""
    # Of a node whose own files lie on an overlay.
    assert lost(volume("/srv/dse-backup", "overlay", source="overlay")) == ""


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWX_HOST": "https://awx.example", "JOB_ID": "7", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        # ansible-runner on a machine.
        {"AWX_ISOLATED_DATA_DIR": "/srv/jobs/artifacts/7"},
        {"AWX_ISOLATED_DATA_DIR": "/runners/artifacts/7"},
    ],
)
def test_a_machine_and_a_plain_container_are_left_alone(environment):
    """Breaks: a controller in a container of its own, or continuous integration, cannot back up any more."""
    assert not is_job(environment)
    assert lost(environment=environment) == ""
    assert lost(volume("/", "tmpfs", source="tmpfs"), environment=environment) == ""


def test_what_the_kernel_says_is_read_with_its_spaces_and_odd_lines():
    odd = "no es una línea\n36 35 98:0 /a\\040b /c\\134d rw - ext4 /dev/vda rw\n1 2 3 / /x rw -\n"
    mounts = read_mounts(f"{ROOT}\n\n{odd}")
    assert [(each.point, each.root, each.kind) for each in mounts] == [
        ("/", "/", "overlay"),
        ("/c\\d", "/a b", "ext4"),
    ]
    assert why_lost(LEDGER, JOB, []) == ""

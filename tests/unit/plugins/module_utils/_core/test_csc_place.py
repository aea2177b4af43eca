# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.csc_place import remedy, repository_of
from ansible_collections.dse.backup.plugins.module_utils._core.restic import Restic

# What restic 0.18 said, each of them seen.
SAID = {
    "Stat(<config/>) returned error, retrying after 1s: Stat: The request signature we calculated does not match the "
    "signature you provided. Check your key and signing method.": "backup_server_csc_s3_secret",
    "Stat: The Access Key Id you provided does not exist in our records.": "backup_server_csc_s3_key_id",
    "s3.getCredentials: no credentials found. Use `-o s3.unsafe-anonymous-auth=true`": "backup_server_csc_s3_key_id",
    "Stat: The specified bucket does not exist": "pida a CSC que lo cree",
    'Get "https://csc/": tls: failed to verify certificate: x509: certificate signed by unknown authority': "ca_file",
    "subprocess ssh: cc-srv-web01@10.89.0.14: Permission denied (publickey).": "no acepta la llave SSH",
    "subprocess ssh: Host key verification failed.": "pregunte a CSC si la cambió",
    "subprocess ssh: ssh: connect to host 10.89.0.14 port 22: Connection timed out": "CSC no contesta",
    "dial tcp 127.0.0.1:18999: connect: connection refused": "CSC no contesta",
}


@pytest.mark.parametrize(("said", "advice"), SAID.items())
def test_what_lets_nobody_in_is_told_with_what_to_do(said, advice):
    told = remedy(f"restic terminó con el código 1: {said}")
    assert advice in told and said in told


def test_what_is_not_known_is_told_as_it_is():
    """A file of JAA's that cannot be read is no matter of CSC's keys."""
    for said in ("la contraseña del repositorio no es correcta", "open /srv/x: permission denied"):
        assert remedy(said) == said


def test_a_place_is_reached_as_the_owner_of_jaas_repository():
    place = {
        **{"repository": "s3:https://csc/x", "password_file": "/csc.key", "options": ["s3.region=mx"]},
        **{"credentials_file": "/csc.s3", "ca_file": "/ca.pem"},
    }
    csc = repository_of(place, Restic("/jaa", "/jaa.key", "/usr/bin/restic", ["other=1"], owner=(7, 7)))
    assert csc == Restic(
        *("s3:https://csc/x", "/csc.key", "/usr/bin/restic", ["s3.region=mx"]),
        **{"owner": (7, 7), "credentials_file": "/csc.s3", "ca_file": "/ca.pem"},
    )

# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every job template of ``awx/`` as AWX runs it: with its survey, in a container of which only the volume stays."""

from __future__ import annotations

import pytest
from awx_job import Jobs

BACKUP = "Respaldos: respaldar lo que corresponde"


@pytest.fixture
def jobs(institution, tmp_path):
    made = Jobs(institution, tmp_path)
    yield made
    made.close()


def test_first(jobs, institution):
    institution.register("srv-web01", institution.files("portal-media"))
    institution.accept_requests()
    done = jobs.launch(BACKUP)
    print(done.out, done.tasks)
    assert done.rc == 0
    print(institution.records("backup"))
    assert 0

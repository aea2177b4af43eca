# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an aim that is missed cannot be met, in the words of who looked into it; by table, line and what it
stands beside: ``backup: unchanged beside restic``."""

from __future__ import annotations

_ONE_SECOND = (
    "what is added is the same whatever the repository, about one second: Ansible's start, the plan, one remote "
    "module, the record. Plain Ansible adds most of it too (see its line). A small repository is checked in less; by "
    "these figures the aim is met where a check takes more than five seconds."
)

REASONS: dict[str, str] = {
    "backup: unchanged beside borgmatic with borg": (
        "Ansible starts in 0.4 s, and each module that it runs on a server takes 0.3 s besides its own work. Then the "
        "backup server opens the repository once more to look at what arrived, and deriving its key alone takes restic "
        "up to half a second. borgmatic does none of it: it believes what borg says."
    ),
    "delivery: without reading back beside restic copy": (
        "what is added is the same however large the backup is, about five seconds: two as when nothing is new "
        "(Ansible's start, the plan), one more remote module, and five more calls of restic, each of which derives a "
        "key for up to half a second on two cores: three that show that CSC's repository has a password and a key of "
        "its own, two that list both. None of these is left out to be quicker."
    ),
    "verify: reading a share, 1/30 beside restic check": _ONE_SECOND,
    "verify: reading everything beside restic check --read-data": _ONE_SECOND,
}

# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake clock for all but restic, which is told the time: weeks of the institution's calendar in a minute."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from institution import Done, Institution

# restic is linked statically and knows no fake clock, and the disk's times are real: both are put right.
_RESTIC_KNOWS_THE_TIME = """\
now=$(($(date +%s) + $(cat {root}/offset)))
before=$(ls {root}/backup/*/repository/snapshots)
"$real" "$@" --time "$(date -d "@$now" "+%Y-%m-%d %H:%M:%S")"
status=$?
for snapshot in {root}/backup/*/repository/snapshots/*; do
    case "$before" in *"${{snapshot##*/}}"*) ;; *) touch -d "@$now" "$snapshot" ;; esac
done
exit $status
"""


class Clock:
    """Lets the institution's programs run at a given moment of its own time zone."""

    def __init__(self, institution: Institution, zone: str) -> None:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        self._zone = ZoneInfo(zone)
        self._institution = institution
        institution.replace_restic(_RESTIC_KNOWS_THE_TIME.format(root=institution.root))
        institution.env.update(LD_PRELOAD=str(library), NO_FAKE_STAT="1")

    def set(self, moment: str) -> None:
        """Let what is started from now on start at ``2027-03-01 01:00``."""
        wanted = datetime.fromisoformat(moment).replace(tzinfo=self._zone)
        offset = math.ceil((wanted - datetime.now(timezone.utc)).total_seconds())
        (self._institution.root / "offset").write_text(str(offset))
        self._institution.moment = wanted
        self._institution.env["FAKETIME"] = f"{offset:+d}"

    def play(self, moment: str, playbook: str, *arguments: str) -> Done:
        """Run a playbook at that moment, however it ends."""
        self.set(moment)
        return self._institution.start(playbook, *arguments).wait()

    def run(self, moment: str, *arguments: str) -> Done:
        """Run ``backup.yml``, however it ends."""
        return self.play(moment, "backup.yml", *arguments)

    def backup(self, moment: str, *arguments: str) -> list[str]:
        """Run it where all must go well, and return what was planned."""
        done = self.run(moment, *arguments)
        assert done.rc == 0, done.out
        return self._institution.planned()

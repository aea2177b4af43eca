"""The story's clock: one moment for the controller and all hosts, which goes on from where it was set.

On the hosts prepare.yml has put what believes it: sshd and all that it starts, restic for the time of a backup, and the
files of the snapshots as they arrive on the backup server. Databases, systemd and the kernel keep the real time.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import hosts

# No daylight saving since 2022.
ZONE = ZoneInfo("America/Mexico_City")
_OFFSET = "var/lib/story-clock/offset"


def at(moment: str) -> dict[str, str]:
    """Set the clock to ``2026-11-18 01:00`` and return what makes a program of this machine believe it."""
    wanted = datetime.fromisoformat(moment).replace(tzinfo=ZONE)
    # Rounded so that the moment is never still to come.
    offset = f"{math.ceil((wanted - datetime.now(timezone.utc)).total_seconds()):+d}"
    with ThreadPoolExecutor() as pool:
        for root in pool.map(hosts.file_system, hosts.NAMES):
            (root / f"{_OFFSET}.new").write_text(f"{offset}\n")
            (root / f"{_OFFSET}.new").rename(root / _OFFSET)
    return {"LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME": offset, "NO_FAKE_STAT": "1"}

# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A terminal in which commands are typed as a document has them, word by word. Needs root.

Its shell sees other directories in the place of this machine's ``/srv`` and ``/media``: documents name real paths.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from institution import Done, until


class Terminal:
    """One shell, in which a variable stays set, and what is mounted stays mounted."""

    def __init__(self, root: Path, places: Mapping[str, Path], *, cwd: Path, env: Mapping[str, str]) -> None:
        assert os.getuid() == 0, "directories are mounted for this test: run it as root"
        root.mkdir()
        self._root = root
        self._count = 0
        with (root / "shell").open("w") as log:
            self._shell = subprocess.Popen(
                ["unshare", "--mount", "bash", "--noprofile", "--norc"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                cwd=cwd,
                env=dict(env),
            )
        for place, directory in places.items():
            directory.mkdir(parents=True, exist_ok=True)
            done = self.type(shlex.join(["mount", "--bind", str(directory), place]))
            assert done.rc == 0, done.out

    def type(self, text: str, *, path: Path | None = None) -> Done:
        """Type a command and wait for its end; ``path``: where another machine has its programs."""
        self._count += 1
        typed, out, rc = (self._root / f"{self._count}.{end}" for end in ("sh", "out", "rc"))
        typed.write_text(text + "\n", "utf-8")
        what = f". {typed}" if path is None else f"(PATH={path}:$PATH; . {typed})"
        self._shell.stdin.write(f"{what} </dev/null >{out} 2>&1; echo $? >{rc}.part; mv {rc}.part {rc}\n")
        self._shell.stdin.flush()
        until(lambda: rc.exists() or self._shell.poll() is not None, text)
        assert rc.exists(), f"the shell ended: {text}"
        return Done(int(rc.read_text()), out.read_text("utf-8", errors="replace"))

    def close(self) -> None:
        """End it with all that it started; its mounts go with it."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        self._shell.stdin.close()

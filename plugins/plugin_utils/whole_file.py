# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that somebody asked for: written whole or not at all, and not for everybody to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO


@contextmanager
def writing(path: str) -> Iterator[IO[bytes]]:
    """Give a stream whose content replaces ``path`` once the block has ended well. Raises OSError."""
    new = path + ".new"
    try:
        with open(new, "wb", opener=lambda name, flags: os.open(name, flags, 0o640)) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new)


def write(path: str, content: bytes) -> None:
    """Write a file. Raises OSError."""
    with writing(path) as stream:
        stream.write(content)

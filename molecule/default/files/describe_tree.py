#!/usr/bin/env python3
"""Print what lies below a directory (the argument), one line of JSON for each name: what a restore must bring back."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys


def main(root: bytes) -> None:
    """Describe a tree; names are bytes, and times, which are restored too, are whole seconds for what is no file."""
    first_of: dict[tuple[int, int], str] = {}
    for directory, names, files in os.walk(root):
        names.sort()
        for name in [b".", *sorted(names + files)]:
            path = os.path.normpath(os.path.join(directory, name))
            relative = os.path.relpath(path, root).decode("latin-1")
            found = os.lstat(path)
            entry = [relative, stat.filemode(found.st_mode), found.st_uid, found.st_gid]
            if stat.S_ISLNK(found.st_mode):
                entry.append(os.readlink(path).decode("latin-1"))
            elif stat.S_ISREG(found.st_mode):
                with open(path, "rb") as file:
                    entry.append(hashlib.sha256(file.read()).hexdigest())
                # Hard links to one file stay one file; holes stay holes.
                entry += [first_of.setdefault((found.st_dev, found.st_ino), relative), found.st_size, found.st_mtime_ns]
                entry.append(found.st_blocks * 512 < found.st_size)
            if name != b"." or directory == root:
                print(json.dumps(entry))


if __name__ == "__main__":
    main(os.fsencode(sys.argv[1]))

#!/usr/bin/env python3
"""Make what a server of the sample institution (the argument) has: the same bytes each time, 1/4096 of their size."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

SCALE = 4096
MIB = 1024 * 1024
# 1 September 2026: before the story begins.
WRITTEN = 1_788_242_400
# What hosts.mount() mounts where the sample's items want a volume.
VOLUMES = Path("/var/lib/volumes")

# The real sizes, in MiB, of what is requested, and of what nobody asked for.
SOURCES = {
    "srv-web01": {"/srv/www/portal": 620, "/srv/www/encuestas": 40},
    "srv-app01": {"/srv/www/escolares": 85},
    "srv-lms01": {"/srv/www/lms": 150},
}
DOCUMENTS = {
    "srv-web01": {"/srv/www/portal/media": 38 * 1024},
    "srv-app01": {f"{VOLUMES}/repositorio/documentos": 96 * 1024},
    "srv-lms01": {f"{VOLUMES}/lms/files": 205 * 1024},
}
CACHES = {"srv-web01": ["/srv/www/portal/cache"], "srv-lms01": ["/srv/www/lms/cache"]}
MOUNT_POINTS = {"srv-app01": "/srv/repositorio", "srv-lms01": "/srv/lms"}


def write(path: Path, content: bytes) -> None:
    """Write one file with a fixed date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (WRITTEN, WRITTEN))


def make_sources(root: Path, size: int, chance: random.Random) -> None:
    """Write modules of a program until they have ``size`` bytes, and what git keeps beside them."""
    revision = f"{chance.getrandbits(160):040x}"
    write(root / ".git" / "HEAD", b"ref: refs/heads/main\n")
    write(root / ".git" / "refs" / "heads" / "main", f"{revision}\n".encode())
    write(root / ".git" / "config", b"[core]\n\tbare = false\n")
    write(root / "index.php", b"<?php require 'src/m0/pagina-00.php';\n")
    for number in range(20):
        lines = b"".join(b"<?php echo %032x; ?>\n" % chance.getrandbits(128) for _line in range(size // 20 // 48))
        write(root / "src" / f"m{number % 4}" / f"pagina-{number:02d}.php", lines)


def make_documents(root: Path, size: int, chance: random.Random) -> None:
    """Write twenty images that nothing compresses."""
    for number in range(20):
        write(root / f"2026-{number % 9 + 1:02d}" / f"imagen-{number:02d}.jpg", chance.randbytes(size // 20))


def main(server: str) -> None:
    """Make the server's services."""
    made = (
        *((make_sources, path, size) for path, size in SOURCES[server].items()),
        *((make_documents, path, size) for path, size in DOCUMENTS[server].items()),
    )
    for _make, path, _size in made:
        shutil.rmtree(path, ignore_errors=True)
    for make, path, size in made:
        make(Path(path), size * MIB // SCALE, random.Random(path))  # noqa: S311 - the same bytes each time is the point
    for cache in CACHES.get(server, []):
        write(Path(cache) / "pagina.html", b"<p>se hace de nuevo</p>\n")
    if server in MOUNT_POINTS:
        Path(MOUNT_POINTS[server]).mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    main(sys.argv[1])

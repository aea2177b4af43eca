#!/usr/bin/env python3
"""Make the portal of srv-web01: the same files, byte for byte, each time."""

from __future__ import annotations

import os
import random
import shutil

PORTAL = b"/srv/www/portal"
MEDIA = b"/srv/www/portal-media"

# Names that a script with one missing quote executes, splits or cannot decode.
HOSTILE_NAMES = (
    b"con espacios.php",
    b"con\nsalto de l\xc3\xadnea.php",
    b"-rf",
    b"--exclude=*",
    b"$(touch EJECUTADO)",
    b"`touch EJECUTADO`",
    b"; touch EJECUTADO",
    b"comilla'y\"comillas.php",
    b"barra\\invertida.php",
    b"asterisco*.php",
    b"latin1-a\xf1o.php",
    b"a\xc3\xb1o-\xe2\x9c\x93-nfc.php",
    b"an\xcc\x83o-nfd.php",
    b"\x1b[31mrojo.php",
    b"=cmd()",
    b".oculto",
    b"n" * 255,
)


def write(directory: bytes, name: bytes, content: bytes) -> None:
    """Write one file with a fixed date, so that a second run makes the same tree."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, (1_790_000_000, 1_790_000_000))


def main() -> None:
    """Make both trees, about 1/4096 of their real sizes."""
    for tree in (PORTAL, MEDIA):
        shutil.rmtree(tree, ignore_errors=True)
    chance = random.Random("portal")  # noqa: S311 - the same bytes each time is the point
    for number in range(40):
        lines = b"".join(b"<?php echo %d; ?>\n" % chance.randrange(10**9) for _line in range(150))
        write(PORTAL + b"/src/m%d" % (number % 8), b"pagina-%02d.php" % number, lines)
    for name in HOSTILE_NAMES:
        write(PORTAL + b"/nombres", name, b"contenido de " + name + b"\n")
    write(PORTAL + b"/directorio con\nsalto", b"dentro", b"dentro\n")
    write(PORTAL, b"vacio", b"")
    os.makedirs(PORTAL + b"/directorio-vacio")
    os.symlink(b"src/m0/pagina-00.php", PORTAL + b"/index.php")
    os.symlink(b"/no/existe", PORTAL + b"/enlace-roto")
    os.link(PORTAL + b"/vacio", PORTAL + b"/enlace-duro")
    write(PORTAL, b"config.php", b"<?php $clave = 'solo para pruebas'; ?>\n")
    os.chmod(PORTAL + b"/config.php", 0o600)
    shutil.chown(PORTAL + b"/config.php", "www-data", "www-data")
    with open(PORTAL + b"/disperso", "wb") as file:
        file.truncate(1024 * 1024)
    for number in range(19):
        write(MEDIA + b"/2026", b"foto-%02d.jpg" % number, b"\xff\xd8\xff\xe0" + chance.randbytes(512 * 1024))


if __name__ == "__main__":
    main()

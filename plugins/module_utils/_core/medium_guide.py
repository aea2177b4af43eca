# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a medium carries so that it is enough by itself: instructions, a table of contents, and the restic program."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from . import medium
from .text import readable

GUIDE_FILE = "LEAME.txt"
CONTENTS_FILE = "CONTENIDO.csv"
PROGRAM_FILE = "restic"
DIGEST_FILE = "restic.sha256"
# Room that is given back for these files where backups have taken all the rest.
_RESERVE_FILE = ".dse-backup-reserva"
_RESERVE = 1 << 20
_LONGEST_CONTENTS = 64 << 20
_BLOCK = 1 << 20
_MARK = "\ufeff"  # So that a spreadsheet reads accents.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Row(NamedTuple):
    """One backup on the medium. ``snapshot`` is its id there; ``sha256`` a dump's digest, or the tree of its files."""

    folio: str
    item_id: str
    server: str
    backup_date: str
    size_bytes: str
    snapshot: str
    sha256: str
    key_reference: str


_HEADINGS = Row(
    "Folio", "Clave", "Servidor", "Fecha", "Tamaño (bytes)", "Identificador en este medio", "Huella SHA-256", "Llave"
)


@dataclass(frozen=True)
class Guide:
    """What the instructions say of the medium."""

    label: medium.Label
    label_text: str


def write(root: int, guide: Guide, contents: Iterable[Row], program: str) -> None:
    """Leave the instructions, the contents and the program on the medium, each whole or as it was; raise OSError.

    What its table of contents has already stays in it: another server's delivery may just have written it.
    """
    with medium.alone(root):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_RESERVE_FILE, dir_fd=root)
        version, digest = _leave_program(root, program)
        rows = {(row.server, row.snapshot): row for row in [*read_contents(root), *contents]}
        ordered = sorted(rows.values(), key=lambda row: (row.server, row.item_id, row.backup_date, row.folio))
        medium.write_file(root, CONTENTS_FILE, contents_text(ordered).encode("utf-8"))
        medium.write_file(root, GUIDE_FILE, guide_text(guide, ordered, version, digest).encode("utf-8"))
        with contextlib.suppress(OSError):
            medium.write_file(root, _RESERVE_FILE, b"\0" * _RESERVE)


def contents_text(rows: Iterable[Row]) -> str:
    """Return the table of contents as a CSV file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerows([_HEADINGS, *([_cell(value) for value in row] for row in rows)])
    return _MARK + buffer.getvalue()


def _cell(value: str) -> str:
    text = readable(value)
    return "'" + text if text.startswith(_FORMULA) else text


def read_contents(root: int) -> list[Row]:
    """Return the rows of the table of contents on the medium; what cannot be read is made anew from the ledger's."""
    try:
        with medium.open_file(root, CONTENTS_FILE) as stream:
            text = stream.read(_LONGEST_CONTENTS).decode("utf-8", "replace").removeprefix(_MARK)
        rows = list(csv.reader(io.StringIO(text)))
    except (OSError, csv.Error):
        return []
    return [Row(*row) for row in rows[1:] if len(row) == len(_HEADINGS)]


def _leave_program(root: int, program: str) -> tuple[str, str]:
    """Leave restic on the medium, unless it is there already; return its version and digest."""
    path = shutil.which(program) or program
    with open(path, "rb") as stream:
        digest = _digest(stream)
        if _digest_at(root, PROGRAM_FILE) != digest:
            stream.seek(0)
            medium.write_file(root, PROGRAM_FILE, stream.read(), 0o755)
    medium.write_file(root, DIGEST_FILE, f"{digest}  {PROGRAM_FILE}\n".encode())
    said = subprocess.run([path, "version"], capture_output=True, check=False).stdout
    return readable(said.decode("utf-8", "replace").split("\n")[0], 80), digest


def _digest_at(root: int, name: str) -> str:
    try:
        with medium.open_file(root, name) as stream:
            return _digest(stream)
    except OSError:
        return ""


def _digest(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    for block in iter(lambda: stream.read(_BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


def guide_text(guide: Guide, rows: list[Row], version: str, digest: str) -> str:
    """Return the instructions. What stands four spaces in is typed as it is; it needs the password alone."""
    keys = dict.fromkeys((row.server, row.key_reference) for row in rows)
    return _GUIDE.format(
        label=guide.label,
        label_text=readable(guide.label_text),
        count=len(rows),
        servers="\n".join(f"  - {readable(server)}: llave {readable(key) or server}" for server, key in keys)
        or "  (todavía ninguno)",
        server=rows[0].server if rows else "SERVIDOR",
        version=version,
        digest=digest,
        machine=platform.machine(),
        contents=CONTENTS_FILE,
        label_file=medium.LABEL_FILE,
        program=PROGRAM_FILE,
        digest_file=DIGEST_FILE,
    )


_GUIDE = """\
RESPALDOS DE {label.institution} · MEDIO {label.media_id}
{label_text}

Este medio tiene la segunda copia de los respaldos (4.1.6), bajo custodia de {label.custodian}. Está
cifrada: sin la contraseña nadie puede leerla, y con la contraseña basta este medio y una máquina con Linux.
No hacen falta ni el servidor de respaldos ni la red.

Respaldos en este medio: {count}. La lista, con folio, fecha y huella de cada uno, está en {contents}.
Cada servidor tiene su propia contraseña; la custodia {label.custodian}, y se pide por la referencia de su
llave:
{servers}

CÓMO SE USA ESTA PÁGINA
Lo que está cuatro espacios hacia adentro se teclea tal cual, como root («sudo -i»), en una misma terminal y
en orden. Si algo da error, deténgase ahí. Nada de lo que sigue escribe en el medio: puede repetirse. No
borre nada del medio.


1. QUÉ SE RECUPERA
Cambie estos valores. MEDIO es el directorio en que está montado este medio. INSTANTANEA es el
«Identificador en este medio» que da {contents}. DESTINO no debe existir, en un disco con lugar para lo que
se recupera. ELEMENTO es la «Clave» en {contents}.

    MEDIO=/media/respaldos
    SERVIDOR={server}
    INSTANTANEA=latest
    ELEMENTO=portal-src
    ARCHIVO=/srv/www/portal/index.php
    CLAVE=/root/clave-de-respaldos
    DESTINO=/root/recuperado
    RESTIC=/root/restic-del-medio


2. COMPROBAR QUE ES EL MEDIO
La clave (media_id) y el identificador (medium_uuid) deben ser los de la etiqueta impresa; su código QR dice
los dos.

    cat "$MEDIO/{label_file}"

Deben ser: {label.media_id} y {label.medium_uuid}


3. PREPARAR EL PROGRAMA Y LA CONTRASEÑA
El programa que lee los respaldos viene en el medio: {version},
para máquinas {machine}, con huella SHA-256 {digest}
(en otra máquina sirve cualquier restic 0.17 o posterior: RESTIC=restic). Debe decir «{program}: OK» o
«{program}: La suma coincide»:

    (cd "$MEDIO" && sha256sum -c {digest_file})
    install -m 700 "$MEDIO/{program}" "$RESTIC"

Teclee la contraseña, Intro y Ctrl-D. Queda en un archivo que sólo root puede leer:

    (umask 077; cat > "$CLAVE")
    export RESTIC_REPOSITORY="$MEDIO/$SERVIDOR" RESTIC_PASSWORD_FILE="$CLAVE"


4. VER QUÉ HAY
Los respaldos de ese servidor y, del que se eligió, sus archivos. «item=» es la clave del elemento.

    "$RESTIC" --no-lock --no-cache snapshots
    "$RESTIC" --no-lock --no-cache ls "$INSTANTANEA"

«wrong password» quiere decir que la contraseña no es la de ese servidor. Para comprobar el medio completo
(lo lee todo y tarda):

    "$RESTIC" --no-lock --no-cache check --read-data


5. RECUPERAR ARCHIVOS
Un solo archivo (o un directorio), con la ruta que mostró el paso anterior:

    "$RESTIC" --no-lock --no-cache restore "$INSTANTANEA" \\
        --target "$DESTINO/uno" --include "$ARCHIVO" --verify

El respaldo completo:

    "$RESTIC" --no-lock --no-cache restore "$INSTANTANEA" \\
        --target "$DESTINO/todo" --verify

Quedan con su ruta completa debajo de DESTINO, con dueños, permisos y fechas. Los dueños son números:
corríjalos con chown si en la máquina nueva son otros. No mueva /etc completo encima de un sistema: tome
archivo por archivo.


6. RECUPERAR UNA BASE DE DATOS
Recupere primero el respaldo completo (paso 5). Después, según el manejador, UNA de las secciones que
siguen. En todas, la huella: debe aparecer el renglón de ese respaldo en {contents}.

6.1 PostgreSQL, de la misma versión o posterior, en marcha y sin esa base de datos. Primero los roles (los
que ya existen dan un error que no importa) y luego la base, con su nombre original:

    VOLCADO=$(find "$DESTINO/todo" -name "$ELEMENTO.dump")
    grep "$(sha256sum < "$VOLCADO" | cut -d ' ' -f 1)" "$MEDIO/{contents}"
    cd /
    runuser -u postgres -- psql --no-psqlrc --quiet postgres < "$(dirname "$VOLCADO")/globals.sql"
    runuser -u postgres -- pg_restore --exit-on-error --create --dbname=postgres < "$VOLCADO"

6.2 MariaDB o MySQL (con MySQL, «mysql» en lugar de «mariadb»). La última línea del volcado debe decir
«-- Dump completed». Las cuentas y sus permisos no vienen en él:

    VOLCADO=$(find "$DESTINO/todo" -name "$ELEMENTO.sql")
    grep "$(sha256sum < "$VOLCADO" | cut -d ' ' -f 1)" "$MEDIO/{contents}"
    tail -n 1 "$VOLCADO"
    mariadb --execute="CREATE DATABASE recuperada"
    mariadb --database=recuperada < "$VOLCADO"

6.3 SQLite. El volcado es la base de datos misma; debe decir «ok» al final. Cópiela a su lugar con la
aplicación detenida, y póngale dueño:

    VOLCADO=$(find "$DESTINO/todo" -name "$ELEMENTO.sqlite")
    grep "$(sha256sum < "$VOLCADO" | cut -d ' ' -f 1)" "$MEDIO/{contents}"
    MIRAR='import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check"))'
    python3 -c "$MIRAR" "$VOLCADO"


7. TERMINAR

    shred --remove "$CLAVE"
    unset RESTIC_REPOSITORY RESTIC_PASSWORD_FILE

Devuelva el medio a quien lo custodia. La recuperación se registra en FOR 7.5 DSE 05, y el préstamo del
medio en FOR 7.5 CSC 03.
"""

# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's last hash, kept elsewhere: what is cut off its end, or written anew from some line on, is found by it.

A chain proves that nothing is missing between its lines; that it goes on to the end only somebody else can prove.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import folios
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import Chain

_HEX64 = re.compile(r"[0-9a-f]{64}")


class Anchor(NamedTuple):
    """How the ledger ended at a moment. ``record_count`` counts all records ever written; ``where`` is who keeps it."""

    record_count: int
    ledger_file: str
    head_sha256: str
    highest_folios: tuple[str, ...]
    anchored_at: str
    where: str = ""

    @property
    def when(self) -> str:
        """The moment, as a person reads it."""
        return self.anchored_at[:16].replace("T", " ")


class Compared(NamedTuple):
    """What came of a comparison: how many anchors fit, the last of them, what does not fit, what cannot be compared."""

    fitting: int
    last: Anchor | None
    faults: list[str]
    remarks: list[str]


def anchor(chain: Chain, now: datetime) -> dict[str, Any]:
    """Return the ledger's end as the line and the record of its anchor have it."""
    return {
        "record_count": chain.record_count,
        "ledger_file": next(reversed(chain.heads), ""),
        "head_sha256": chain.head,
        "highest_folios": chain.highest_folios,
        "anchored_at": now.isoformat(timespec="seconds"),
    }


def parse(content: bytes, where: str) -> tuple[list[Anchor], list[str]]:
    """Return the anchors of a file, in their order, and what is wrong with its lines, in words."""
    anchors, faults = [], []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            found = Anchor(*(fields[name] for name in Anchor._fields[:-1]), where)
            datetime.fromisoformat(found.anchored_at)
            is_sound = (
                isinstance(found.record_count, int)
                and not isinstance(found.record_count, bool)
                and _HEX64.fullmatch(found.head_sha256)
                and all(isinstance(folio, str) for folio in found.highest_folios)
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            is_sound = False
        if is_sound:
            anchors.append(found)
        else:
            faults.append(f"{where}, línea {number}: no es una huella resguardada: «{readable(line, 80)}»")
    if not anchors and not faults:
        faults.append(f"{where}: no hay ninguna huella resguardada con la cual comparar")
    return anchors, faults


def compare(anchors: Iterable[Anchor], chain: Chain) -> Compared:
    """Compare a ledger with the anchors of one keeper; ``chain`` was verified with their hashes wanted."""
    fitting, last, before = 0, None, 0
    misfits: list[Anchor] = []
    for each in sorted(anchors, key=lambda each: (each.record_count, each.anchored_at)):
        if each.record_count < chain.records_before:
            before += 1
        elif _fits(each, chain):
            fitting, last = fitting + 1, each
        else:
            misfits.append(each)
    remarks = []
    if before:
        proof = chain.begins_after
        remarks.append(f"anteriores a la baja de {proof.ledger_year if proof else '?'}, ya no se comparan: {before}")
    return Compared(fitting, last, list(_words(misfits, last, chain)), remarks)


def _fits(each: Anchor, chain: Chain) -> bool:
    proof = chain.begins_after
    if proof and each.record_count == chain.records_before:
        return each.head_sha256 == proof.last_record_sha256
    place = chain.places.get(each.head_sha256)
    return place is not None and chain.records_before + place == each.record_count


def _words(misfits: list[Anchor], last: Anchor | None, chain: Chain) -> Iterator[str]:
    """Yield what the first of ``misfits`` proves: the end was cut, or what was anchored was written anew."""
    if not misfits:
        return
    first = misfits[0]
    kept = f"la huella que {first.where} resguarda desde el {first.when} (registro número {first.record_count})"
    since = f"; lo anterior coincide hasta el registro {last.record_count} ({last.when})" if last else ""
    if first.record_count > chain.record_count:
        missing = first.record_count - chain.record_count
        yield f"FALTA EL FINAL: faltan al menos {missing} registros que ya estaban según {kept}{since}"
    else:
        file, line = chain.place(first.record_count)
        yield f"REESCRITO: {file}, línea {line}, ya no es lo que era según {kept}{since}"
    folios = list(_lost_folios(first, chain))
    if folios:
        yield f"según esa huella ya se habían dado más folios: {'; '.join(folios)}"
    if len(misfits) > 1:
        yield f"tampoco coinciden otras {len(misfits) - 1} huellas posteriores de {first.where}"


def _lost_folios(each: Anchor, chain: Chain) -> Iterator[str]:
    """Yield each series that ``each`` knew to be longer: ``hasta DSE-05-2026-0043, ahora hasta DSE-05-2026-0040``."""
    disposed = chain.begins_after
    for folio in each.highest_folios:
        parsed = folios.parse(folio)
        if parsed is None or (disposed and parsed.year <= disposed.ledger_year):
            continue
        there = chain.highest.get(parsed[:2], 0)
        if there < parsed.number:
            now = f"hasta {parsed.series}-{parsed.year:04d}-{there:04d}" if there else "ninguno"
            yield f"hasta {folio}, ahora {now}"


def keep(path: str, line: str) -> None:
    """Append ``line`` to a keeper's file, on a line of its own, and sync it; raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(descriptor).st_size
        is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        content = ("\n" * is_torn + line + "\n").encode("utf-8")
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

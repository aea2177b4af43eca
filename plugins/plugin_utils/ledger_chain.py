# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the ledger what was written? Every line's own hash, its place in the chain, and that no folio stands there twice.

Pure, and holds no records: a million lines take as much memory as ten, but for one bit a folio.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import folios
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import canonical
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_lines import Line

GENESIS = "0" * 64
# What can be wrong with a line.
CHANGED, MISPLACED, NOT_JSON, TORN, REPEATED_FOLIO, NO_BEGINNING = (
    *("changed", "misplaced", "not_json", "torn", "repeated_folio", "no_beginning"),
)
# What breaks the chain. A folio that stands there twice does not.
_BROKEN = (CHANGED, MISPLACED, NOT_JSON, TORN)
# Of a ledger that was rewritten line by line nobody reads more.
_SHOWN = 10
_HEX64 = re.compile(r"[0-9a-f]{64}")
# In a value its quotes would be escaped.
_CLAIM = re.compile(rb',"record_sha256":"([0-9a-f]{64})"')
# Beyond it a number is remembered by itself: a slip of the pen must not take a gigabyte of bits.
_DENSE = 10**7


class Fault(NamedTuple):
    """What is wrong with one line, in words. ``ordinal`` counts the lines of all files from 1."""

    kind: str
    ordinal: int
    file: str
    line: int
    folio: str
    what: str

    @property
    def words(self) -> str:
        """Where it is, whose it is, what is wrong."""
        whose = f" ({self.folio})" if self.folio else ""
        return f"{self.file}, línea {self.line:,}{whose}: {self.what}"


class Proof(NamedTuple):
    """What a disposal left of the year that it removed. ``records_before`` were removed with earlier years."""

    ledger_year: int
    file_name: str
    file_sha256: str
    record_count: int
    records_before: int
    first_previous_sha256: str
    last_record_sha256: str
    approver: str
    recorded_at: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Proof | None:
        """Return the proof in the record of a disposal of a year; None for any other record."""
        if record.get("record_type") != "disposal" or "ledger_year" not in record:
            return None
        return cls(*(record.get(name) for name in cls._fields))


@dataclass
class Chain:
    """What a verification found. The first of ``faults`` is the first line that is wrong; ten are kept.

    After that line come ``following`` others, of which ``consistent`` are whole and each continues the one before.
    ``files`` has the lines of each file, ``heads`` its last hash, ``forms`` its records of each form; ``highest`` is
    the last folio number by series and year; ``places`` is where the hashes stand that were asked for.
    """

    files: dict[str, int] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    lines: int = 0
    head: str = GENESIS
    beginning: str | None = None
    highest: dict[tuple[str, int], int] = field(default_factory=dict)
    forms: Counter[tuple[str, str]] = field(default_factory=Counter)
    proofs: list[Proof] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    following: int = 0
    consistent: int = 0
    csv_faults: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.faults and not self.csv_faults

    @property
    def begins_after(self) -> Proof | None:
        """The disposal after which the ledger begins, where its first line continues what that one removed."""
        if self.beginning in (None, GENESIS):
            return None
        return next((proof for proof in self.proofs if proof.last_record_sha256 == self.beginning), None)

    @property
    def records_before(self) -> int:
        """How many records were disposed of before the first line."""
        proof = self.begins_after
        return proof.records_before + proof.record_count if proof else 0

    @property
    def record_count(self) -> int:
        """How many records were ever written, those disposed of among them."""
        return self.records_before + self.lines

    def place(self, ordinal: int) -> tuple[str, int]:
        """Return the file and line of the record that was the ``ordinal``-th of all; ("", 0) where it is not there."""
        left = ordinal - self.records_before
        for name, lines in self.files.items():
            if 0 < left <= lines:
                return name, left
            left -= lines
        return "", 0

    @property
    def highest_folios(self) -> list[str]:
        """The last folio of each series and year."""
        return [f"{series}-{year}-{number:04d}" for (series, year), number in sorted(self.highest.items())]


def verify(read: Callable[[], Iterable[Line]], *, csv_rows: Mapping[str, int], wanted: Collection[str] = ()) -> Chain:
    """Verify the lines that ``read`` gives, from the first to the last, and find the hashes ``wanted`` among them."""
    verifier = _Verifier(frozenset(wanted))
    for line in read():
        verifier.add(line)
    chain = verifier.end()
    if chain.faults and chain.faults[0].kind == MISPLACED:
        chain.faults[0] = _explained(chain.faults[0], verifier.missing, read())
    # Rows and lines are counted as of the same moment. A file that is missing misleads nobody.
    expected = {f"{code.replace(' ', '-')}-{name[7:11]}.csv": count for (name, code), count in chain.forms.items()}
    chain.csv_faults = [
        f"csv/{name}: tiene {rows} renglones y el registro, {expected.get(name, 0)}"
        for name, rows in csv_rows.items()
        if rows != expected.get(name, 0)
    ]
    return chain


class Broken(Exception):
    """The ledger cannot be read as what it is. ``words`` says which lines are wrong, and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.words = [f"el registro oficial no está íntegro: {each.words}" for each in faults]
        self.words.append("verifíquelo (ledger.yml, sin más)")
        super().__init__("; ".join(self.words))


@contextmanager
def naming_damage(chain: Callable[[], Chain]) -> Iterator[None]:
    """Raise Broken where reading the ledger falls over what nobody of ours has written; ``chain`` verifies it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        faults = chain().faults
        if not faults:
            raise
        raise Broken(faults) from None


def gives_its_hash(content: bytes) -> bool:
    """Tell whether a line gives the hash that it carries: what is in it was not changed. Its place is not looked at.

    It is what `verify` finds out of each line, without reading it as a record: a hundred thousand take a second.
    """
    line = content.rstrip(b"\n")
    return any(
        hashlib.sha256(line[: claim.start()] + line[claim.end() :]).hexdigest().encode() == claim[1]
        for claim in _CLAIM.finditer(line)
    )


class _Verifier:
    """The state between two lines."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.chain = Chain()
        # What the first line that is out of place continues.
        self.missing = ""
        self._wanted = wanted
        self._ordinal = 0
        self._broken = 0
        # The hash that the line before says it has; None where it says nothing that can be read.
        self._before: str | None = None
        self._place = ("", 0)
        self._folios = _Folios()

    def add(self, line: Line) -> None:
        """Take the next line into account."""
        self._ordinal += 1
        record, kind, what = _read(line.content)
        is_whole = line.content.endswith(b"\n")
        if not kind and self._ordinal > 1 and self._before not in (None, record.get("previous_sha256")):
            kind, what = MISPLACED, self._out_of_place(record)
        is_there = is_whole or not kind
        if not is_whole:
            rest = "está incompleta" if kind else "no tiene fin de línea, aunque su registro está completo"
            kind, what = TORN, f"LÍNEA CORTADA: {rest}"
        self._broken += bool(kind)
        if not kind and not self._folios.add(_text(record, "folio")):
            kind, what = REPEATED_FOLIO, "FOLIO REPETIDO: ya es de otro registro"
        if kind:
            self._report(kind, line, record, what)
        if is_there:
            self._count(line, record)
        self._before = _text(record, "record_sha256") or None
        self._place = (line.file, line.number)

    def end(self) -> Chain:
        """Return what was found."""
        chain = self.chain
        is_explained = chain.beginning in (None, GENESIS) or chain.begins_after
        if not is_explained and not (chain.faults and chain.faults[0].ordinal == 1):
            what = "NO ES EL PRINCIPIO: continúa registros que ya no están, y ninguna baja asentada lo explica"
            chain.faults = [Fault(NO_BEGINNING, 1, next(iter(chain.files)), 1, "", what), *chain.faults][:_SHOWN]
            chain.fault_count += 1
        if chain.faults:
            first = chain.faults[0]
            chain.following = self._ordinal - first.ordinal
            chain.consistent = chain.following - self._broken + (first.kind in _BROKEN)
        chain.highest = self._folios.highest
        return chain

    def _count(self, line: Line, record: Mapping[str, Any]) -> None:
        chain = self.chain
        chain.lines += 1
        chain.files[line.file] = line.number
        if self._ordinal == 1:
            chain.beginning = _text(record, "previous_sha256") or None
        sha256 = _text(record, "record_sha256")
        if sha256:
            chain.head, chain.heads[line.file] = sha256, sha256
        if sha256 in self._wanted:
            chain.places[sha256] = self._ordinal
        if form_code := _text(record, "form_code"):
            chain.forms[line.file, form_code] += 1
        if proof := Proof.of(record):
            chain.proofs.append(proof)

    def _report(self, kind: str, line: Line, record: Mapping[str, Any], what: str) -> None:
        self.chain.fault_count += 1
        if len(self.chain.faults) < _SHOWN:
            folio = readable(_text(record, "folio") or _text(record, "about_folio"), 40)
            self.chain.faults.append(Fault(kind, self._ordinal, line.file, line.number, folio, what))

    def _out_of_place(self, record: Mapping[str, Any]) -> str:
        if record["record_sha256"] == self._before:
            return "REPETIDA: es la línea anterior otra vez"
        if not self.chain.faults:
            self.missing = _text(record, "previous_sha256")
        return f"NO CONTINÚA LA ANTERIOR ({self._place[0]}, línea {self._place[1]})"


class _Folios:
    """The folios seen: one bit each, since the numbers of a series are consecutive."""

    def __init__(self) -> None:
        self.highest: dict[tuple[str, int], int] = {}
        self._bits: dict[tuple[str, int], bytearray] = {}
        self._others: set[str] = set()

    def add(self, folio: str) -> bool:
        """Remember a folio; tell whether it is new. "" is none."""
        parsed = folios.parse(folio)
        if parsed is None or parsed.number >= _DENSE:
            is_new = not folio or folio not in self._others
            self._others.add(folio)
        else:
            bits = self._bits.setdefault(parsed[:2], bytearray())
            byte, bit = divmod(parsed.number, 8)
            if byte >= len(bits):
                bits.extend(bytes(byte + 1 - len(bits)))
            is_new = not bits[byte] >> bit & 1
            bits[byte] |= 1 << bit
        if parsed:
            series = parsed[:2]
            self.highest[series] = max(self.highest.get(series, 0), parsed.number)
        return is_new


def _read(content: bytes) -> tuple[dict[str, Any], str, str]:
    """Return a line's record, empty where it is none, and what is wrong with it by itself, "" where nothing is."""
    try:
        record = json.loads(content)
        if not isinstance(record, dict) or not _HEX64.fullmatch(_text(record, "record_sha256")):
            return {}, NOT_JSON, "NO ES UN REGISTRO"
        claimed = record.pop("record_sha256")
        written = canonical(record)
    except (ValueError, RecursionError):
        return {}, NOT_JSON, "NO SE PUEDE LEER: no es JSON"
    record["record_sha256"] = claimed
    if hashlib.sha256(written).hexdigest() != claimed:
        return record, CHANGED, "ALTERADA: su contenido no da la huella que lleva"
    # Spaces, or a key twice, leave the record as it was, and show its readers something else.
    if content.rstrip(b"\n").replace(b',"record_sha256":"%s"' % claimed.encode(), b"", 1) != written:
        return record, CHANGED, "ALTERADA: no está escrita como la escribió el sistema"
    return record, "", ""


def _text(record: Mapping[str, Any], name: str) -> str:
    """Return a field's text; "" where it is none. Whoever forges a record may put anything anywhere."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _explained(fault: Fault, missing: str, lines: Iterable[Line]) -> Fault:
    """Return the fault of a line out of place with where the line before it is: elsewhere, or nowhere."""
    sought = b'"record_sha256":"%s"' % missing.encode()
    for line in lines if missing else ():
        if sought in line.content:
            why = f"FUERA DE ORDEN: continúa la línea {line.number} de {line.file}"
            return fault._replace(what=f"{fault.what}. {why}")
    if missing:
        why = "FALTA la que iba antes: se quitó una o más, o se reescribió la anterior"
        return fault._replace(what=f"{fault.what}. {why}")
    return fault

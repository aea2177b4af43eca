# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the files of procedure/ and checks each by itself: its keys, and what each value may be.

What one file says about another is for procedure.py to check. Either reports a mistake through its `Source`, which
knows the line.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

import yaml

# --- What a value may be ----------------------------------------------------------------------------------------------


def _like(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _read_by(read: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        try:
            return bool(read(value))
        except (TypeError, ValueError, KeyError, OSError):
            return False

    return test


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


# The closed list of field types. Hosts, paths and roles are recorded as they were given: no record is lost for them.
FIELD_TYPES: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("str", "text", "enum", "host", "path", "role"), lambda value: isinstance(value, str)),
    "int": _is_int,
    "decimal": _is_number,
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    # In one writing only: newer Pythons read 2026-W47-1 too, and days are compared as text.
    "date": _read_by(lambda value: datetime.date.fromisoformat(value).isoformat() == value),
    # With its offset: a local time alone is ambiguous when clocks go back.
    "datetime": _read_by(lambda value: datetime.datetime.fromisoformat(value).tzinfo),
    "week": _like(r"\d{4}-W\d{2}"),
    "folio": _like(r"[A-Z]+-\d{2}-\d{4}-\d{4,}"),
    "sha256": _like(r"[0-9a-f]{64}"),
    "slug": _like(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "email": _like(r"[^@\s]+@[^@\s]+"),
}

# --- What a file may hold ---------------------------------------------------------------------------------------------


class _Rule(NamedTuple):
    """The test of one value, and what is said of a value that does not pass it."""

    test: Callable[[Any], bool]
    otherwise: str


def _one_of(*allowed: str) -> _Rule:
    return _Rule(lambda value: value in allowed, f"no es uno de: {', '.join(allowed)}")


_TEXT = _Rule(_like(r"(?s).*\S.*"), "debe ser un texto")
_TEXT_OR_BLANK = _Rule(FIELD_TYPES["str"], 'debe ser un texto, o ""')
_FLAG = _Rule(FIELD_TYPES["bool"], "debe ser true o false")
_COUNT = _Rule(lambda value: _is_int(value) and value > 0, "debe ser un entero mayor que cero")
_DAYS = _Rule(lambda value: _is_int(value) and value >= 0, "debe ser un número de días, de 0 en adelante")
_DAYS_OF_A_LOAN = _Rule(lambda value: _is_int(value) and 0 < value <= 365, "debe ser un número de días, de 1 a 365")
_AT_LEAST_TWO = _Rule(lambda value: _is_int(value) and value >= 2, "debe ser un entero de 2 en adelante")
_PERCENT = _Rule(lambda value: _is_number(value) and value > 0, "debe ser un porcentaje mayor que cero")
_PERCENT_OR_NONE = _Rule(lambda value: _is_number(value) and value >= 0, "debe ser un porcentaje de 0 en adelante")
_SHARE = _Rule(lambda value: _is_number(value) and 0 < value <= 100, "debe ser un porcentaje entre 0 y 100")
_DATE = _Rule(FIELD_TYPES["date"], "no es una fecha (AAAA-MM-DD)")
_DATE_OR_BLANK = _Rule(lambda value: value == "" or FIELD_TYPES["date"](value), 'no es una fecha (AAAA-MM-DD), ni ""')
_CLOCK = _Rule(_like(r"([01]\d|2[0-3]):[0-5]\d"), 'no es una hora entre comillas, como "06:00"')
_ZONE = _Rule(_read_by(lambda value: ZoneInfo(value).key), "no es una zona horaria conocida, como America/Mexico_City")
_NAME = _Rule(_like(r"[a-z][a-z0-9_]*"), "debe ser un nombre en minúsculas, sin espacios")
_FORM_CODE = _Rule(_like(r"FOR \S+ \S+ \d+"), "no es la clave de un formato, como FOR 7.5 DSE 02")
# A single word that is neither of the two is a slip of the pen, not a condition.
_REQUIRED = _Rule(_like(r"required|optional|\S+( \S+)+"), "debe ser required, optional o la condición en palabras")

# A shape is a rule, [the shape of every entry] of a list, or the shapes of a mapping's keys: "key?" may be missing,
# "*" is any key.
_Shape = Any
_LABELS: _Shape = {"*": _TEXT}
_CATALOGUE: _Shape = [{"code": _TEXT, "title": _TEXT}]
_FIELDS: _Shape = [
    {
        "name": _NAME,
        "label": _TEXT,
        "type": _one_of(*FIELD_TYPES),
        "filled_by": _one_of("system", "ledger", "JAA", "CSC", "DAU", "requester", "any"),
        "required": _REQUIRED,
        "computed?": _FLAG,
        "later?": _FLAG,
        "origin?": _one_of("procedure", "product"),
        "values?": _LABELS,
        "columns?": _LABELS,
        "values_from?": _one_of(
            *("record_types", "statuses", "repository_types", "information_types", "frequencies"),
            *("media_types", "media_states"),
        ),
    }
]
_FREQUENCY: _Shape = {"label": _TEXT, "unit": _one_of("day", "week", "elapsed_days"), "days?": _COUNT}
_INFORMATION_TYPE: _Shape = {
    "label": _TEXT,
    "clause": _TEXT,
    "frequency": _TEXT,
    "form_code": _FORM_CODE,
    "missed_at": _CLOCK,
    "tolerance": {
        "shrink_pct": _PERCENT,
        "grow_pct": _PERCENT,
        "entries_shrink_pct": _PERCENT_OR_NONE,
        "replaced_pct": _SHARE,
    },
    "accumulated": {"shrink_pct": _PERCENT, "window_days": _COUNT},
    "retention": {"daily?": _COUNT, "weekly?": _COUNT, "cycles?": _COUNT, "monthly?": _COUNT},
}
_SHAPES: Mapping[str, _Shape] = {
    "institution.yml": {
        "time_zone": _ZONE,
        "procedure_title": _TEXT,
        "procedure_code": _TEXT_OR_BLANK,
        "release_status": [_TEXT],
        "form_revision": _TEXT_OR_BLANK,
        "layouts_approved_on": {"*": _DATE_OR_BLANK},
        "prepared_by": _TEXT,
        "roles": {"*": _TEXT_OR_BLANK},
    },
    "information_types.yml": {
        "nonconforming_below_pct": _SHARE,
        "retention": {"keep_last": _AT_LEAST_TWO, "settle_days": _DAYS, "suspect_days": _COUNT, "safety_days": _COUNT},
        "repetition": {"failures": _AT_LEAST_TWO, "within_days": _COUNT},
        "delivery": {"within_days": _COUNT, "acknowledge_within_days": _COUNT},
        "loan": {"return_within_days": _DAYS_OF_A_LOAN, "answer_within_working_days": _COUNT},
        "resolve_within_days": _COUNT,
        "frequencies": {"*": _FREQUENCY},
        "information_types": {"*": _INFORMATION_TYPE},
    },
    "repository_types.yml": _LABELS,
    "controls.yml": {
        "controls": {"*": {"label": _TEXT, "within_days?": _COUNT}},
        "clauses": [{"clause": _TEXT, "title": _TEXT, "controls": [_TEXT], "information_types?": [_TEXT]}],
    },
    "media.yml": {
        "types": _LABELS,
        "states": _LABELS,
        "custodians": [_TEXT],
        "office": _TEXT,
        "label_institution": _TEXT,
        "fields": _FIELDS,
    },
    "references.yml": {"procedures": _CATALOGUE, "documents": _CATALOGUE},
    "revisions.yml": [{"number": _COUNT, "date": _DATE, "description": _TEXT}],
    "forms/common.yml": {"record_types": {"forms": _LABELS, "about": _LABELS}, "first": _FIELDS, "last": _FIELDS},
    "forms/backup_line.yml": {"fields": _FIELDS},
}
_FORM: _Shape = {
    "code": _FORM_CODE,
    "title": _TEXT,
    "clause": _TEXT,
    "retention_years": _COUNT,
    "statuses": _LABELS,
    "backup_line?": _FLAG,
    "uses": [{"record_type": _TEXT, "title?": _TEXT, "fields": _FIELDS}],
}

# --- Reading them -----------------------------------------------------------------------------------------------------


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] - a base chosen at run time
    """YAML without its surprises: keys are texts and stand there once, dates stay as they were written, no merging."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            name = str(key.value)
            if name in seen or key.tag != "tag:yaml.org,2002:str":
                problem = f"la clave «{name}» está dos veces" if name in seen else "una clave debe ser un texto"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


class Source:
    """One file. `data` is None when it cannot be trusted; what is wrong with it is among the shared `problems`."""

    def __init__(self, root: Path, name: str, shape: _Shape, problems: list[str]) -> None:
        self.name, self.data, self._text, self._problems = f"{root.name}/{name}", None, "", problems
        before = len(problems)
        try:
            self._text = (root / name).read_text(encoding="utf-8")
            self.data = yaml.load(self._text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problems.append(f"{self.name}:{line}: no es YAML válido: {error.problem}")
        except FileNotFoundError:
            problems.append(f"{self.name}: no existe este archivo")
        except (OSError, ValueError, yaml.YAMLError) as error:
            problems.append(f"{self.name}: no se puede leer: {' '.join(str(error).split())}")
        else:
            self._compare(shape, self.data)
        if len(problems) > before:
            self.data = None

    def report(self, where: tuple[str | int, ...], what: str) -> None:
        """Add a problem at a place in the file, given as its keys and list positions."""
        node, line, path = yaml.compose(self._text, Loader=_Loader), 1, ""
        for part in where:
            if isinstance(part, int):
                node = node.value[part]
                line = node.start_mark.line + 1
                entry = {key.value: value.value for key, value in node.value} if node.id == "mapping" else {}
                names = [entry[key] for key in ("name", "code", "record_type", "number") if key in entry]
                path += f"[{names[0] if names else part}]"
            else:
                path += f".{part}"
                for key, value in node.value:
                    if key.value == part:
                        node, line = value, key.start_mark.line + 1
        self._problems.append(f"{self.name}:{line}: {path.removeprefix('.') or '(archivo)'}: {what}")

    def _compare(self, shape: _Shape, value: Any, *where: str | int) -> None:
        if isinstance(shape, _Rule):
            if not shape.test(value):
                self.report(where, f"«{value}» {shape.otherwise}")
        elif isinstance(shape, list) and isinstance(value, list) and value:
            for position, entry in enumerate(value):
                self._compare(shape[0], entry, *where, position)
        elif isinstance(shape, dict) and isinstance(value, dict) and value:
            self._compare_keys(shape, value, *where)
        else:
            self.report(where, "debe ser una lista" if isinstance(shape, list) else "debe tener claves con sus valores")

    def _compare_keys(self, shape: Mapping[str, _Shape], value: Mapping[str, Any], *where: str | int) -> None:
        known = {key.removesuffix("?"): inner for key, inner in shape.items()}
        for key, entry in value.items():
            inner = known.get(key, known.get("*"))
            if inner is None:
                self.report((*where, key), f"clave desconocida (se conocen: {', '.join(known)})")
            else:
                self._compare(inner, entry, *where, key)
        for key in shape:
            if key not in value and not key.endswith(("?", "*")):
                self.report((*where, key), "falta esta clave")


def read(root: Path, problems: list[str]) -> tuple[dict[str, Source], list[Source]]:
    """The files that are always there, by name, and those of the forms."""
    names = sorted(f"forms/{path.name}" for path in (root / "forms").glob("*.yml"))
    files = {name: Source(root, name, shape, problems) for name, shape in _SHAPES.items()}
    return files, [Source(root, name, _FORM, problems) for name in names if name not in files]

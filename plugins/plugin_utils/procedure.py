# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The procedure as data: reads the directory procedure/, checks all of it, and answers questions about it.

Every mistake is reported, all at once, with its file, line and key, in one `ProcedureError`:

    procedure/information_types.yml:55: information_types.database.frequency: «fortnightly» no es una periodicidad
    conocida (weekly, daily, 60_days)
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import yaml

DEFAULT_DIRECTORY = Path(__file__).resolve().parents[2] / "procedure"


class ProcedureError(ValueError):
    """The procedure's data, or a question about it, is wrong. `problems`: one line of Spanish each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


# --- What the procedure says ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Institution:
    """The heading and the footer of every form. `procedure_code` is blank: the text does not give it."""

    time_zone: str
    procedure_code: str
    release_status: tuple[str, ...]
    form_revision: str
    prepared_by: str
    roles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much smaller or larger than the last conforming backup is still conforming; percent, both positive."""

    shrink_pct: float
    grow_pct: float


@dataclass(frozen=True, slots=True)
class AccumulatedTolerance:
    """How much a backup may have shrunk, in percent, within the last `window_days`."""

    shrink_pct: float
    window_days: int


@dataclass(frozen=True, slots=True)
class Frequency:
    """How slots are counted: a local day, an ISO week, or `days` elapsed since the last conforming backup."""

    key: str
    label: str
    unit: Literal["day", "week", "elapsed_days"]
    days: int | None = None


@dataclass(frozen=True, slots=True)
class InformationType:
    """One of the kinds of 4.1. What has not run at `missed_at`, on the day after its slot's last day, was missed."""

    key: str
    label: str
    clause: str
    frequency: str
    schedule: Frequency
    form_code: str
    missed_at: datetime.time
    tolerance: Tolerance
    accumulated: AccumulatedTolerance


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. `required` is "required", "optional" or the condition in words; `values` is an enum's."""

    name: str
    label: str
    type: str
    filled_by: str
    required: str
    computed: bool = False
    origin: str = "procedure"
    values: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What a form holds for one `record_type`: between the form's head and foot, the fields of that use alone."""

    record_type: str
    title: str
    own_fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """An official form. Only FOR 7.5 DSE 05 has more than one use."""

    code: str
    title: str
    clause: str
    retention_years: int
    head: tuple[Field, ...]
    uses: tuple[Use, ...]
    foot: tuple[Field, ...]

    @property
    def series(self) -> str:
        """What its folios begin with: FOR 7.5 DSE 02 -> DSE-02."""
        return "-".join(self.code.split()[-2:])

    @property
    def file_stem(self) -> str:
        """What the names of its files begin with: FOR 7.5 DSE 02 -> FOR-7.5-DSE-02."""
        return self.code.replace(" ", "-")

    @property
    def record_types(self) -> tuple[str, ...]:
        """The record types it takes."""
        return tuple(use.record_type for use in self.uses)

    def fields_for(self, record_type: str) -> tuple[Field, ...]:
        """Every field of a record of that type, in order; () when the form does not take it."""
        own = next((use.own_fields for use in self.uses if use.record_type == record_type), None)
        return () if own is None else (*self.head, *own, *self.foot)

    def csv_columns(self) -> tuple[tuple[str, str], ...]:
        """(name, label) of every recorded field, in order. Where the uses label one name differently: «one / other»."""
        labels: dict[str, list[str]] = {}
        for field in (*self.head, *(field for use in self.uses for field in use.own_fields), *self.foot):
            if not field.computed and field.label not in labels.setdefault(field.name, []):
                labels[field.name].append(field.label)
        return tuple((name, " / ".join(several)) for name, several in labels.items())


@dataclass(frozen=True, slots=True)
class Reference:
    """A procedure (5.1) or a document (5.2) that the text refers to."""

    kind: Literal["procedure", "document"]
    code: str
    title: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of the procedure (7.0)."""

    number: int
    date: datetime.date
    description: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """Everything in procedure/. Mappings keep the order of the files; `labels` is field name -> value -> its label."""

    institution: Institution
    nonconforming_below_pct: float
    frequencies: Mapping[str, Frequency]
    information_types: Mapping[str, InformationType]
    repository_types: Mapping[str, str]
    record_types: Mapping[str, str]
    form_record_types: frozenset[str]
    forms: Mapping[str, Form]
    references: tuple[Reference, ...]
    revisions: tuple[Revision, ...]
    labels: Mapping[str, Mapping[str, str]]

    @property
    def procedure_revision(self) -> str:
        """The revision in force, as every form prints it: 8 (13/02/2012)."""
        return f"{self.revisions[-1].number} ({self.revisions[-1].date:%d/%m/%Y})"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which weeks, days and the ledger's years are counted."""
        return ZoneInfo(self.institution.time_zone)

    def information_type(self, key: str) -> InformationType:
        """The kind of information of that key."""
        if key not in self.information_types:
            raise ProcedureError([f"«{key}» no es un tipo de información ({', '.join(self.information_types)})"])
        return self.information_types[key]

    def form_for(self, record_type: str, information_type: str | None = None) -> Form | None:
        """The form that takes a record, None for a record that is no form. A backup's form depends on its kind."""
        if record_type == "backup":
            return self.forms[self.information_type(str(information_type)).form_code]
        return next((form for form in self.forms.values() if record_type in form.record_types), None)

    def label(self, field_name: str, value: Any) -> str:
        """What people read for a recorded value: label("verification_result", "first") -> Primero."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "Sí" if value else "No"
        return self.labels.get(field_name, {}).get(str(value), str(value))

    def check_record(self, record: Mapping[str, Any]) -> list[str]:
        """What is wrong with a record before it is appended to the ledger, in Spanish; [] when nothing is.

        What people or the ledger itself fill in may be absent, and None counts as absent. Of a record that is no form
        only the type is checked.
        """
        record_type = record.get("record_type")
        if not isinstance(record_type, str) or record_type not in self.record_types:
            return [f"record_type: «{record_type}» no es un tipo de registro ({', '.join(self.record_types)})"]
        try:
            form = self.form_for(record_type, record.get("information_type"))
        except ProcedureError as error:
            return [f"information_type: {error}"]
        code, given = form.code if form else None, record.get("form_code")
        if given != code:
            return [f"form_code: un registro «{record_type}» lleva «{code or 'ninguno'}», no «{given or 'ninguno'}»"]
        return list(_record_problems(form.fields_for(record_type), record)) if form else []


def _record_problems(fields: tuple[Field, ...], record: Mapping[str, Any]) -> Iterator[str]:
    known = {field.name: field for field in fields}
    for name, value in record.items():
        field = known.get(name)
        if field is None:
            yield f"{name}: el formato no tiene este campo"
        elif field.computed:
            yield f"{name}: se calcula al leer, no se registra"
        elif value is not None and not _FIELD_TYPES[field.type](value):
            yield f"{name}: «{value}» no es del tipo {field.type}"
        elif value is not None and field.values is not None and value not in field.values:
            yield f"{name}: «{value}» no es uno de sus valores ({', '.join(field.values)})"
    for field in fields:
        expected = field.filled_by == "system" and field.required == "required" and not field.computed
        if expected and record.get(field.name) in (None, ""):
            yield f"{field.name}: falta «{field.label}»"


# --- What a value may be ----------------------------------------------------------------------------------------------


def _like(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _is_date(value: Any) -> bool:
    try:
        return len(value) == 10 and bool(datetime.date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def _is_datetime(value: Any) -> bool:
    """With its offset: a local time alone is ambiguous when clocks go back."""
    try:
        return datetime.datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_zone(value: Any) -> bool:
    try:
        return bool(ZoneInfo(value).key)
    except (TypeError, ValueError, OSError, KeyError):
        return False


# The closed list of field types. Hosts, paths and roles are recorded as they were given: no record is lost for them.
_FIELD_TYPES: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("str", "text", "enum", "host", "path", "role"), _is_text),
    "int": _is_int,
    "decimal": _is_number,
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "date": _is_date,
    "datetime": _is_datetime,
    "week": _like(r"\d{4}-W\d{2}"),
    "folio": _like(r"[A-Z]+-\d{2}-\d{4}-\d{4,}"),
    "sha256": _like(r"[0-9a-f]{64}"),
    "slug": _like(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "email": _like(r"[^@\s]+@[^@\s]+"),
}


# --- What a file may hold ---------------------------------------------------------------------------------------------

# A shape is a test of one value, [the shape of every entry] of a list, or a dict that names every key of a mapping:
# "key?" may be missing, _ANY stands for any key. A test returns what is wrong, in Spanish, or None.
_Shape = Any
_ANY = "*"


def _must(test: Callable[[Any], bool], what: str) -> Callable[[Any], str | None]:
    return lambda value: None if test(value) else f"«{value}» {what}"


def _one_of(*allowed: str) -> Callable[[Any], str | None]:
    return _must(lambda value: value in allowed, f"no es uno de: {', '.join(allowed)}")


_text = _must(lambda value: _is_text(value) and value.strip() != "", "debe ser un texto")
_text_or_blank = _must(_is_text, 'debe ser un texto, o ""')
_flag = _must(lambda value: isinstance(value, bool), "debe ser true o false")
_count = _must(lambda value: _is_int(value) and value > 0, "debe ser un entero mayor que cero")
_percent = _must(lambda value: _is_number(value) and value > 0, "debe ser un porcentaje mayor que cero")
_share = _must(lambda value: _is_number(value) and 0 < value <= 100, "debe ser un porcentaje entre 0 y 100")
_date = _must(_is_date, "no es una fecha (AAAA-MM-DD)")
_clock = _must(_like(r"([01]\d|2[0-3]):[0-5]\d"), 'no es una hora entre comillas, como "06:00"')
_zone = _must(_is_zone, "no es una zona horaria conocida, como America/Mexico_City")
_name = _must(_like(r"[a-z][a-z0-9_]*"), "debe ser un nombre en minúsculas, sin espacios")
_form_code = _must(_like(r"FOR \S+ \S+ \d+"), "no es la clave de un formato, como FOR 7.5 DSE 02")
# A single word that is neither of the two is a slip of the pen, not a condition.
_required = _must(
    lambda value: value in ("required", "optional") or (_is_text(value) and " " in value.strip()),
    "debe ser required, optional o la condición en palabras",
)

_FIELD_LIST: _Shape = [
    {
        "name": _name,
        "label": _text,
        "type": _one_of(*_FIELD_TYPES),
        "filled_by": _one_of("system", "ledger", "JAA", "CSC", "DAU", "requester", "any"),
        "required": _required,
        "computed?": _flag,
        "origin?": _one_of("procedure", "product"),
        "values?": {_ANY: _text},
        "values_from?": _one_of("record_types", "statuses", "repository_types", "information_types", "frequencies"),
    }
]
_CATALOGUE: _Shape = [{"code": _text, "title": _text}]

_SHAPES: Mapping[str, _Shape] = {
    "institution.yml": {
        "time_zone": _zone,
        "procedure_code": _text_or_blank,
        "release_status": [_text],
        "form_revision": _text_or_blank,
        "prepared_by": _text,
        "roles": {_ANY: _text_or_blank},
    },
    "information_types.yml": {
        "nonconforming_below_pct": _share,
        "frequencies": {_ANY: {"label": _text, "unit": _one_of("day", "week", "elapsed_days"), "days?": _count}},
        "information_types": {
            _ANY: {
                "label": _text,
                "clause": _text,
                "frequency": _text,
                "form_code": _form_code,
                "missed_at": _clock,
                "tolerance": {"shrink_pct": _percent, "grow_pct": _percent},
                "accumulated": {"shrink_pct": _percent, "window_days": _count},
            }
        },
    },
    "repository_types.yml": {_ANY: _text},
    "references.yml": {"procedures": _CATALOGUE, "documents": _CATALOGUE},
    "revisions.yml": [{"number": _count, "date": _date, "description": _text}],
    "forms/common.yml": {
        "record_types": {"forms": {_ANY: _text}, "about": {_ANY: _text}},
        "first": _FIELD_LIST,
        "last": _FIELD_LIST,
    },
    "forms/backup_line.yml": {"fields": _FIELD_LIST},
}
_FORM_SHAPE: _Shape = {
    "code": _form_code,
    "title": _text,
    "clause": _text,
    "retention_years": _count,
    "statuses": {_ANY: _text},
    "backup_line?": _flag,
    "uses": [{"record_type": _text, "title?": _text, "fields": _FIELD_LIST}],
}


# --- Reading the files ------------------------------------------------------------------------------------------------


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without two of its surprises: a key given twice is a mistake, a date stays the text that was written."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"la clave «{name}» está dos veces", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


class _Source:
    """One file. `data` is None when it cannot be trusted; what is wrong with it is among the shared `problems`."""

    def __init__(self, root: Path, name: str, shape: _Shape, problems: dict[str, None]) -> None:
        self.name, self.problems, self.text, self.data = f"{root.name}/{name}", problems, "", None
        before = len(problems)
        try:
            self.text = (root / name).read_text(encoding="utf-8")
            self.data = yaml.load(self.text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problems[f"{self.name}:{line}: no es YAML válido: {error.problem}"] = None
        except FileNotFoundError:
            problems[f"{self.name}: no existe este archivo"] = None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            problems[f"{self.name}: no se puede leer: {' '.join(str(error).split())}"] = None
        else:
            self._compare(shape, self.data, ())
        if len(problems) > before:
            self.data = None

    def report(self, where: tuple[Any, ...], what: str) -> None:
        """Add a problem at a place in the file, given as its keys and list positions."""
        node = yaml.compose(self.text, Loader=_Loader)
        line, path = 1, ""
        for part in where:
            path += f".{part}" if isinstance(part, str) else f"[{part}]"
            if isinstance(node, yaml.SequenceNode):
                node = node.value[part]
                entry = {key.value: value.value for key, value in node.value} if isinstance(node.value, list) else {}
                known_as = next((entry[key] for key in ("name", "code", "record_type", "number") if key in entry), part)
                path = path.removesuffix(f"[{part}]") + f"[{known_as}]"
            elif isinstance(node, yaml.MappingNode):
                node = next((value for key, value in node.value if key.value == str(part)), None)
            line = node.start_mark.line + 1 if node else line
        self.problems[f"{self.name}:{line}: {path.removeprefix('.') or '(archivo)'}: {what}"] = None

    def _compare(self, shape: _Shape, value: Any, where: tuple[Any, ...]) -> None:
        if callable(shape):
            if what := shape(value):
                self.report(where, what)
        elif isinstance(shape, list):
            if not isinstance(value, list) or not value:
                self.report(where, "debe ser una lista")
                return
            for position, entry in enumerate(value):
                self._compare(shape[0], entry, (*where, position))
        elif not isinstance(value, dict) or not value:
            self.report(where, "debe tener claves con sus valores")
        else:
            self._compare_keys({str(key): shape[_ANY] for key in value} if _ANY in shape else shape, value, where)

    def _compare_keys(self, shape: Mapping[str, _Shape], value: dict[Any, Any], where: tuple[Any, ...]) -> None:
        shapes = {key.removesuffix("?"): inner for key, inner in shape.items()}
        for key in value:
            if key not in shapes:
                self.report((*where, str(key)), f"clave desconocida (se conocen: {', '.join(shapes)})")
        for key, inner in shapes.items():
            if key in value:
                self._compare(inner, value[key], (*where, key))
            elif f"{key}?" not in shape:
                self.report((*where, key), "falta esta clave")


def load(directory: str | Path = DEFAULT_DIRECTORY) -> Procedure:
    """Read and check the whole directory. Raises one ProcedureError that lists every problem of every file."""
    root, problems = Path(directory), dict[str, None]()
    source = {name: _Source(root, name, shape, problems) for name, shape in _SHAPES.items()}
    names = sorted(f"forms/{path.name}" for path in (root / "forms").glob("*.yml"))
    form_sources = [_Source(root, name, _FORM_SHAPE, problems) for name in names if name not in _SHAPES]

    labels: dict[str, dict[str, str]] = {}
    forms = _forms(source, form_sources, labels)
    _check_institution(source["institution.yml"])
    _check_revisions(source["revisions.yml"])
    _check_kinds(source["information_types.yml"], forms if all(form.data for form in form_sources) else None)
    if problems:
        raise ProcedureError(problems)

    institution, kinds, references, revisions, record_types = (
        source["institution.yml"].data,
        source["information_types.yml"].data,
        source["references.yml"].data,
        source["revisions.yml"].data,
        source["forms/common.yml"].data["record_types"],
    )
    frequencies = {key: Frequency(key=key, **entry) for key, entry in kinds["frequencies"].items()}
    return Procedure(
        institution=Institution(**institution | {"release_status": tuple(institution["release_status"])}),
        nonconforming_below_pct=kinds["nonconforming_below_pct"],
        frequencies=frequencies,
        information_types={
            key: InformationType(
                key=key,
                schedule=frequencies[entry["frequency"]],
                **entry
                | {
                    "missed_at": datetime.time.fromisoformat(entry["missed_at"]),
                    "tolerance": Tolerance(**entry["tolerance"]),
                    "accumulated": AccumulatedTolerance(**entry["accumulated"]),
                },
            )
            for key, entry in kinds["information_types"].items()
        },
        repository_types=source["repository_types.yml"].data,
        record_types=record_types["forms"] | record_types["about"],
        form_record_types=frozenset(record_types["forms"]),
        forms=forms,
        references=(
            *(Reference(kind="procedure", **entry) for entry in references["procedures"]),
            *(Reference(kind="document", **entry) for entry in references["documents"]),
        ),
        revisions=tuple(
            Revision(**entry | {"date": datetime.date.fromisoformat(entry["date"])}) for entry in revisions
        ),
        labels=labels,
    )


def _forms(
    source: Mapping[str, _Source], form_sources: list[_Source], labels: dict[str, dict[str, str]]
) -> dict[str, Form]:
    """The forms by code, complete; fills `labels` with what every enum's values are called."""
    common, line, kinds = source["forms/common.yml"], source["forms/backup_line.yml"], source["information_types.yml"]
    if common.data is None or line.data is None:
        return {}
    record_types = common.data["record_types"]
    lists = {
        "record_types": record_types["forms"] | record_types["about"],
        "repository_types": source["repository_types.yml"].data or {},
        **{name: _labels_of(kinds.data[name]) if kinds.data else {} for name in ("information_types", "frequencies")},
    }
    forms: dict[str, Form] = {}
    taken_by: dict[str, str] = {}
    for form in (form for form in form_sources if form.data):
        own_lists = lists | {"statuses": form.data["statuses"]}
        shared: set[str] = set()
        head = _fields(common, ("first",), own_lists, shared, labels)
        foot = _fields(common, ("last",), own_lists, shared, labels)
        if form.data.get("backup_line"):
            head += _fields(line, ("fields",), own_lists, shared, labels)
        uses = []
        for position, use in enumerate(form.data["uses"]):
            where, record_type = ("uses", position), use["record_type"]
            if record_type not in record_types["forms"]:
                form.report((*where, "record_type"), f"«{record_type}» no está en record_types.forms de {common.name}")
            elif record_type != "backup" and record_type in taken_by:
                form.report((*where, "record_type"), f"«{record_type}» ya es de {taken_by[record_type]}")
            taken_by[record_type] = form.name
            own = _fields(form, (*where, "fields"), own_lists, set(shared), labels)
            uses.append(Use(record_type, use.get("title", form.data["title"]), own))
        code = form.data["code"]
        if code in forms:
            form.report(("code",), f"«{code}» está en dos archivos")
        forms[code] = Form(
            code, form.data["title"], form.data["clause"], form.data["retention_years"], head, tuple(uses), foot
        )
    if all(form.data for form in form_sources):
        for record_type in record_types["forms"].keys() - taken_by.keys():
            common.report(("record_types", "forms", record_type), "falta en forms/ el formato que lo recibe")
    return forms


def _labels_of(entries: Mapping[str, Any]) -> dict[str, str]:
    return {key: entry["label"] for key, entry in entries.items()}


def _fields(
    source: _Source,
    where: tuple[Any, ...],
    lists: Mapping[str, Mapping[str, str]],
    taken: set[str],
    labels: dict[str, dict[str, str]],
) -> tuple[Field, ...]:
    """The list of fields at that place of a file. `taken`: the names that the form already has; it grows."""
    entries = source.data
    for part in where:
        entries = entries[part]
    fields = []
    for position, entry in enumerate(entries):
        place, name = (*where, position), entry["name"]
        values = lists[entry["values_from"]] if "values_from" in entry else entry.get("values")
        if (entry["type"] == "enum") != (len(entry.keys() & {"values", "values_from"}) == 1):
            source.report(place, "un campo enum, y sólo él, lleva values o values_from")
        if name in taken:
            source.report(place, "el formato ya tiene un campo con este nombre")
        taken.add(name)
        for value, label in (values or {}).items():
            if (known := labels.setdefault(name, {}).setdefault(value, label)) != label:
                source.report(place, f"«{value}» no puede llamarse «{label}» aquí y «{known}» en otro formato")
        fields.append(Field(**{key: entry[key] for key in entry if key != "values_from"} | {"values": values}))
    return tuple(fields)


def _check_institution(source: _Source) -> None:
    data = source.data
    if data and data["prepared_by"] not in data["roles"]:
        source.report(("prepared_by",), f"«{data['prepared_by']}» no está en roles ({', '.join(data['roles'])})")


def _check_revisions(source: _Source) -> None:
    """The last one is in force: numbers without gaps and rising dates keep that true."""
    before = ""
    for position, revision in enumerate(source.data or []):
        if revision["number"] != position + 1:
            source.report((position, "number"), f"debe ser {position + 1}: las revisiones van en orden y sin huecos")
        if revision["date"] <= before:
            source.report((position, "date"), f"«{revision['date']}» no es posterior a la revisión anterior ({before})")
        before = revision["date"]


def _check_kinds(source: _Source, forms: Mapping[str, Form] | None) -> None:
    """`forms`: None when some form could not be read, so that nothing can be said about a missing one."""
    data = source.data or {"frequencies": {}, "information_types": {}}
    frequencies = data["frequencies"]
    for key, frequency in frequencies.items():
        if (frequency["unit"] == "elapsed_days") != ("days" in frequency):
            source.report(("frequencies", key, "days"), "acompaña a la unidad elapsed_days, y sólo a ella")
    for key, kind in data["information_types"].items():
        where = ("information_types", key)
        if kind["frequency"] not in frequencies:
            known = ", ".join(frequencies)
            source.report((*where, "frequency"), f"«{kind['frequency']}» no es una periodicidad conocida ({known})")
        form = forms and forms.get(kind["form_code"])
        if forms is not None and not (form and "backup" in form.record_types):
            source.report((*where, "form_code"), f"«{kind['form_code']}» no es un formato de respaldos de forms/")

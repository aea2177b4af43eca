# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The procedure as data: reads the directory procedure/, checks all of it, and answers questions about it.

Every mistake is reported, all at once, with its file, line and key, in one `ProcedureError`:

    procedure/information_types.yml:55: information_types.database.frequency: «fortnightly» no es una periodicidad
    conocida (weekly, daily, 60_days)
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ansible_collections.dse.backup.plugins.plugin_utils.procedure_source import FIELD_TYPES, Source, read
from ansible_collections.dse.backup.plugins.plugin_utils.retention import Retention, Safeguards

DEFAULT_DIRECTORY = Path(__file__).resolve().parents[2] / "procedure"


class ProcedureError(ValueError):
    """The procedure's data, or a question about it, is wrong. `problems`: one line of Spanish each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


# --- What the procedure says ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Institution:
    """The heading and the footer of every form. `procedure_code` is blank: the text does not give it.

    `layouts_approved_on` has by the code of a form the date on which its layout was approved, "" where it was not.
    """

    time_zone: str
    procedure_title: str
    procedure_code: str
    release_status: tuple[str, ...]
    form_revision: str
    layouts_approved_on: Mapping[str, str]
    prepared_by: str
    roles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a backup may differ from the last conforming one and still conform; percent, none negative.

    In size, in its number of files or tables, and in how much of its content was replaced.
    """

    shrink_pct: float
    grow_pct: float
    entries_shrink_pct: float
    replaced_pct: float


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
class Repetition:
    """From how many `failures`, on different days `within_days`, an item's failures suggest a nonconformity."""

    failures: int
    within_days: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """Within how many days a backup is delivered to CSC, and a delivery is acknowledged (4.1.6)."""

    within_days: int
    acknowledge_within_days: int


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """Within how many days a loan goes back to CSC, and within how many working days CSC answers (4.3.1 c)."""

    return_within_days: int
    answer_within_working_days: int


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
    retention: Retention


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. `required` is "required", "optional" or the condition in words; `values` is an enum's.

    `columns` are of a list whose entries have several facts each: their names and what they are called. What is `later`
    is computed from the records that follow a form's line, and stands in the CSV all the same.
    """

    name: str
    label: str
    type: str
    filled_by: str
    required: str
    computed: bool = False
    later: bool = False
    origin: str = "procedure"
    values: Mapping[str, str] | None = None
    columns: Mapping[str, str] | None = None


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
        """(name, label) of every field that is recorded, or later, in order.

        Where the uses label one name differently: «one / other».
        """
        labels: dict[str, list[str]] = {}
        for field in (*self.head, *(field for use in self.uses for field in use.own_fields), *self.foot):
            is_in_csv = field.later or not field.computed
            if is_in_csv and field.label not in labels.setdefault(field.name, []):
                labels[field.name].append(field.label)
        return tuple((name, " / ".join(several)) for name, several in labels.items())


@dataclass(frozen=True, slots=True)
class Media:
    """What the register of media can say (2.0, 4.4): `types` and `states` are what is recorded -> what people read.

    `office` is where JAA's media belong, `label_institution` whose they are, as their labels say; `fields` are those of
    a record of the type `medium`.
    """

    types: Mapping[str, str]
    states: Mapping[str, str]
    custodians: tuple[str, ...]
    office: str
    label_institution: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """What carries out clauses. `within_days`: how old its newest evidence may be, None where it needs a cause."""

    key: str
    label: str
    within_days: int | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of the text and, by their keys, the controls that carry it out.

    `information_types` are those that it is about, where it is about some alone.
    """

    clause: str
    title: str
    controls: tuple[str, ...]
    information_types: tuple[str, ...] = ()


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
    """Everything in procedure/. Mappings keep the order of the files; `labels` is field name -> value -> its label.

    `resolve_within_days`: from then on a failure that is still open is told of as overdue.
    """

    institution: Institution
    nonconforming_below_pct: float
    safeguards: Safeguards
    repetition: Repetition
    delivery: Delivery
    loan: LoanTerms
    resolve_within_days: int
    frequencies: Mapping[str, Frequency]
    information_types: Mapping[str, InformationType]
    repository_types: Mapping[str, str]
    record_types: Mapping[str, str]
    form_record_types: frozenset[str]
    forms: Mapping[str, Form]
    media: Media
    controls: Mapping[str, Control]
    clauses: tuple[Clause, ...]
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

    def tolerances(self, information_type: str, own: Mapping[str, float] | None = None) -> dict[str, float]:
        """How far a backup of that kind may move, every value a percentage; an item's own outweigh its kind's."""
        kind = self.information_type(information_type)
        return {
            **asdict(kind.tolerance),
            "accumulated_shrink_pct": kind.accumulated.shrink_pct,
            "nonconforming_below_pct": self.nonconforming_below_pct,
            **(own or {}),
        }

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
        only the type is checked, and of a medium's its fields.
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
        if record_type == "medium":
            return list(_record_problems((*self.media.fields, *_OF_EVERY_RECORD), record))
        return list(_record_problems(form.fields_for(record_type), record)) if form else []


# What a record that is no form has besides its own fields, before the ledger adds its part.
_OF_EVERY_RECORD = tuple(Field(name, name, "str", "system", "optional") for name in ("record_type", "form_code"))


def _record_problems(fields: tuple[Field, ...], record: Mapping[str, Any]) -> Iterator[str]:
    known = {field.name: field for field in fields}
    for name, value in record.items():
        field = known.get(name)
        if field is None:
            yield f"{name}: el formato no tiene este campo"
        elif field.computed:
            yield f"{name}: se calcula al leer, no se registra"
        elif value is not None and not FIELD_TYPES[field.type](value):
            yield f"{name}: «{value}» no es del tipo {field.type}"
        elif value is not None and field.values is not None and value not in field.values:
            yield f"{name}: «{value}» no es uno de sus valores ({', '.join(field.values)})"
    for field in fields:
        expected = field.filled_by == "system" and field.required == "required" and not field.computed
        if expected and record.get(field.name) in (None, ""):
            yield f"{field.name}: falta «{field.label}»"


# --- Reading it -------------------------------------------------------------------------------------------------------


@functools.cache
def load(directory: str | Path = DEFAULT_DIRECTORY) -> Procedure:
    """Read and check the whole directory. Raises one ProcedureError that lists every problem of every file.

    A directory is read once: later calls, and the processes forked from this one, share what was read.
    """
    problems: list[str] = []
    files, form_files = read(Path(directory), problems)
    institution, revisions, kinds = files["institution.yml"], files["revisions.yml"], files["information_types.yml"]
    common, line = files["forms/common.yml"], files["forms/backup_line.yml"]
    labels: dict[str, dict[str, str]] = {}
    forms = _forms(files, form_files, labels) if common.data and line.data else {}
    media = _media(files["media.yml"], labels)
    controls = files["controls.yml"]
    _check_institution(institution)
    _check_revisions(revisions)
    _check_controls(controls, kinds)
    _check_kinds(kinds)
    if all(file.data for file in (common, line, kinds, *form_files)):
        _check_every_record_has_its_form(common, kinds, forms)
        _check_approvals(institution, forms)
    if problems:
        raise ProcedureError(dict.fromkeys(problems))  # once each: every form tells what is wrong with a shared field

    record_types, references = common.data["record_types"], files["references.yml"].data
    frequencies = {key: Frequency(key, **entry) for key, entry in kinds.data["frequencies"].items()}
    return Procedure(
        institution=Institution(**institution.data | {"release_status": tuple(institution.data["release_status"])}),
        nonconforming_below_pct=kinds.data["nonconforming_below_pct"],
        safeguards=Safeguards(**kinds.data["retention"]),
        repetition=Repetition(**kinds.data["repetition"]),
        delivery=Delivery(**kinds.data["delivery"]),
        loan=LoanTerms(**kinds.data["loan"]),
        resolve_within_days=kinds.data["resolve_within_days"],
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
                    "retention": Retention(**entry["retention"]),
                },
            )
            for key, entry in kinds.data["information_types"].items()
        },
        repository_types=files["repository_types.yml"].data,
        record_types=record_types["forms"] | record_types["about"],
        form_record_types=frozenset(record_types["forms"]),
        forms=forms,
        media=media,
        controls={key: Control(key, **entry) for key, entry in controls.data["controls"].items()},
        clauses=tuple(
            Clause(
                entry["clause"], entry["title"], tuple(entry["controls"]), tuple(entry.get("information_types") or ())
            )
            for entry in controls.data["clauses"]
        ),
        references=(
            *(Reference("procedure", **entry) for entry in references["procedures"]),
            *(Reference("document", **entry) for entry in references["documents"]),
        ),
        revisions=tuple(
            Revision(**entry | {"date": datetime.date.fromisoformat(entry["date"])}) for entry in revisions.data
        ),
        labels=labels,
    )


def _forms(files: Mapping[str, Source], form_files: list[Source], labels: dict[str, dict[str, str]]) -> dict[str, Form]:
    """The forms by code; fills `labels` with what every enum's values are called."""
    common, line = files["forms/common.yml"], files["forms/backup_line.yml"]
    kinds = files["information_types.yml"].data or {"information_types": {}, "frequencies": {}}
    record_types = common.data["record_types"]
    lists = {
        "record_types": record_types["forms"] | record_types["about"],
        "repository_types": files["repository_types.yml"].data or {},
        "information_types": {key: kind["label"] for key, kind in kinds["information_types"].items()},
        "frequencies": {key: frequency["label"] for key, frequency in kinds["frequencies"].items()},
        "media_types": (files["media.yml"].data or {"types": {}})["types"],
        "media_states": (files["media.yml"].data or {"states": {}})["states"],
    }
    forms: dict[str, Form] = {}
    taken_by: dict[str, str] = {}
    for form in (form for form in form_files if form.data):
        data = form.data
        lists["statuses"] = data["statuses"]
        names: set[str] = set()
        head = _fields(common, ("first",), lists, names, labels)
        if data.get("backup_line"):
            head += _fields(line, ("fields",), lists, names, labels)
        foot = _fields(common, ("last",), lists, names, labels)
        uses = []
        for position, use in enumerate(data["uses"]):
            where, record_type = ("uses", position), use["record_type"]
            if record_type not in record_types["forms"]:
                form.report((*where, "record_type"), f"«{record_type}» no está en record_types.forms de {common.name}")
            elif record_type != "backup" and record_type in taken_by:
                form.report((*where, "record_type"), f"«{record_type}» ya es de {taken_by[record_type]}")
            taken_by[record_type] = form.name
            own = _fields(form, (*where, "fields"), lists, set(names), labels)
            uses.append(Use(record_type, use.get("title", data["title"]), own))
        if data["code"] in forms:
            form.report(("code",), f"«{data['code']}» está en dos archivos")
        forms[data["code"]] = Form(
            data["code"], data["title"], data["clause"], data["retention_years"], head, tuple(uses), foot
        )
    return forms


def _media(source: Source, labels: dict[str, dict[str, str]]) -> Media | None:
    """What media.yml says, None where it is faulty; fills `labels`, as the forms do."""
    if not source.data:
        return None
    lists = {"media_types": source.data["types"], "media_states": source.data["states"]}
    fields = _fields(source, ("fields",), lists, set(), labels)
    return Media(**source.data | {"custodians": tuple(source.data["custodians"]), "fields": fields})


def _fields(
    source: Source,
    where: tuple[str | int, ...],
    lists: Mapping[str, Mapping[str, str]],
    names: set[str],
    labels: dict[str, dict[str, str]],
) -> tuple[Field, ...]:
    """The list of fields at that place of a file. `names`: those that the form already has; it grows, as `labels`."""
    entries = source.data
    for part in where:
        entries = entries[part]
    fields = []
    for position, entry in enumerate(entries):
        place, name = (*where, position), entry["name"]
        values = lists[entry["values_from"]] if "values_from" in entry else entry.get("values")
        if (entry["type"] == "enum") != (len(entry.keys() & {"values", "values_from"}) == 1):
            source.report(place, "un campo enum, y sólo él, lleva values o values_from")
        if name in names:
            source.report(place, "el formato ya tiene un campo con este nombre")
        names.add(name)
        for value, label in (values or {}).items():
            if (known := labels.setdefault(name, {}).setdefault(value, label)) != label:
                source.report(place, f"«{value}» no puede llamarse «{label}» aquí y «{known}» en otro formato")
        fields.append(Field(**{key: entry[key] for key in entry if key != "values_from"} | {"values": values}))
    return tuple(fields)


def _check_approvals(source: Source, forms: Mapping[str, Form]) -> None:
    for code in source.data["layouts_approved_on"] if source.data else ():
        if code not in forms:
            source.report(("layouts_approved_on", code), f"no es la clave de un formato ({', '.join(forms)})")


def _check_institution(source: Source) -> None:
    data = source.data
    if data and data["prepared_by"] not in data["roles"]:
        source.report(("prepared_by",), f"«{data['prepared_by']}» no está en roles ({', '.join(data['roles'])})")


def _check_revisions(source: Source) -> None:
    """The last one is in force: numbers without gaps and rising dates keep that true."""
    before = ""
    for position, revision in enumerate(source.data or []):
        if revision["number"] != position + 1:
            source.report((position, "number"), f"debe ser {position + 1}: las revisiones van en orden y sin huecos")
        if revision["date"] <= before:
            source.report((position, "date"), f"«{revision['date']}» no es posterior a la revisión anterior ({before})")
        before = revision["date"]


def _check_controls(source: Source, kinds: Source) -> None:
    data = source.data or {"controls": {}, "clauses": []}
    known = {
        "controls": ("un control conocido", data["controls"]),
        "information_types": ("un tipo de información", (kinds.data or {"information_types": {}})["information_types"]),
    }
    for position, clause in enumerate(data["clauses"]):
        for name, (what, keys) in known.items():
            for key in clause.get(name) or []:
                if keys and key not in keys:
                    source.report(("clauses", position, name), f"«{key}» no es {what} ({', '.join(keys)})")


def _check_kinds(source: Source) -> None:
    data = source.data or {"frequencies": {}, "information_types": {}}
    for key, frequency in data["frequencies"].items():
        if (frequency["unit"] == "elapsed_days") != ("days" in frequency):
            source.report(("frequencies", key, "days"), "acompaña a la unidad elapsed_days, y sólo a ella")
    for key, kind in data["information_types"].items():
        if kind["frequency"] not in data["frequencies"]:
            known = ", ".join(data["frequencies"])
            where = ("information_types", key, "frequency")
            source.report(where, f"«{kind['frequency']}» no es una periodicidad conocida ({known})")


def _check_every_record_has_its_form(common: Source, kinds: Source, forms: Mapping[str, Form]) -> None:
    taken = {record_type for form in forms.values() for record_type in form.record_types}
    for record_type in sorted(common.data["record_types"]["forms"].keys() - taken):
        common.report(("record_types", "forms", record_type), "falta en forms/ el formato que lo recibe")
    for key, kind in kinds.data["information_types"].items():
        form = forms.get(kind["form_code"])
        if not (form and "backup" in form.record_types):
            where = ("information_types", key, "form_code")
            kinds.report(where, f"«{kind['form_code']}» no es un formato de respaldos de forms/")

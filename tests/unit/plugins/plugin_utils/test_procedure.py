# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import ProcedureError, load
from ansible_collections.dse.backup.plugins.plugin_utils.retention import Retention


@pytest.fixture(scope="module")
def procedure():
    return load()


# --- What the text says -----------------------------------------------------------------------------------------------


def test_the_eight_forms_have_their_titles_and_are_kept_for_a_year(procedure):
    assert {code: (form.title, form.retention_years) for code, form in procedure.forms.items()} == {
        "FOR 7.5 DSE 02": ("Formato de respaldos para código fuente", 1),
        "FOR 7.5 DSE 03": ("Formato de respaldos para bases de datos", 1),
        "FOR 7.5 DSE 04": ("Formato de respaldos para servidores", 1),
        "FOR 7.5 DSE 05": (
            "Formato para el registro de: solicitud de respaldo, recuperación de información y bitácora de fallas",
            1,
        ),
        "FOR 7.2 DAU 01": ("Solicitud de servicio", 1),
        "FOR 7.5 CSC 01": ("Plan anual y control de respaldos", 1),
        "FOR 7.5 CSC 02": ("Formato de Entrega de Respaldos", 1),
        "FOR 7.5 CSC 03": ("Formato de Solicitud préstamo de media", 1),
    }


def test_the_eleven_references(procedure):
    assert [(reference.kind, reference.code) for reference in procedure.references] == [
        ("procedure", "PRO 6.3 DSE 01"),
        ("procedure", "PRO 6.3 DSE 02"),
        ("procedure", "PRO 7.2 DAU 01"),
        ("procedure", "PRO 7.5 CSC 01"),
        ("procedure", "PRO 8.3 CNO 01"),
        ("procedure", "PRO 8.2 DAU 01"),
        ("procedure", "PRO 8.5 DAU 01"),
        ("document", "MPC 4.2 CGTI"),
        ("document", "DOC 4.1 DSE 04"),
        ("document", "DOC 4.1 CSC 02"),
        ("document", "DOC 7.2 DAU 07"),
    ]


def test_the_eight_revisions(procedure):
    assert [(revision.number, revision.date.isoformat()) for revision in procedure.revisions] == [
        (1, "2003-09-01"),
        (2, "2004-06-17"),
        (3, "2004-11-17"),
        (4, "2006-11-15"),
        (5, "2007-05-24"),
        (6, "2009-02-27"),
        (7, "2009-10-08"),
        (8, "2012-02-13"),
    ]
    assert procedure.procedure_revision == "8 (13/02/2012)"


def test_the_four_kinds_and_their_frequency(procedure):
    kinds = procedure.information_types.values()
    assert {kind.key: (kind.clause, kind.frequency, kind.form_code) for kind in kinds} == {
        "server_configuration": ("4.1.4", "60_days", "FOR 7.5 DSE 04"),
        "source_code": ("4.1.2", "weekly", "FOR 7.5 DSE 02"),
        "database": ("4.1.3", "daily", "FOR 7.5 DSE 03"),
        "images_documents": ("4.1.4", "60_days", "FOR 7.5 DSE 04"),
    }
    assert {kind.key: (kind.schedule.unit, kind.schedule.days) for kind in kinds} == {
        "server_configuration": ("elapsed_days", 60),
        "source_code": ("week", None),
        "database": ("day", None),
        "images_documents": ("elapsed_days", 60),
    }
    assert procedure.information_type("database").missed_at == datetime.time(6, 0)


def test_tolerances(procedure):
    assert {
        kind.key: (kind.tolerance.shrink_pct, kind.tolerance.grow_pct) for kind in procedure.information_types.values()
    } == {
        "server_configuration": (30, 100),
        "source_code": (20, 100),
        "database": (10, 50),
        "images_documents": (10, 100),
    }
    # A database that lost any table is looked at.
    assert procedure.information_type("database").tolerance.entries_shrink_pct == 0
    assert procedure.nonconforming_below_pct == 50


def test_the_closed_lists(procedure):
    assert list(procedure.repository_types) == [
        "database",
        "software_project",
        "web_publication",
        "server_configuration",
    ]
    assert set(procedure.record_types) - procedure.form_record_types == {
        "run",
        "acknowledgement",
        "decision",
        "closing",
        "correction",
        "drill",
        "medium",
        "anchor",
        "disposal",
    }


def test_what_the_register_of_media_can_say(procedure):
    media = procedure.media
    assert list(media.states) == ["available", "in_use", "full", "lent", "damaged", "lost", "retired"]
    assert (media.custodians, media.office) == (("JAA", "CSC"), "Oficina de JAA")
    # In the forms' words, also where a delivery names its medium.
    assert procedure.label("media_type", "hdd_usb") == "HDD USB"


def test_what_the_text_does_not_give_is_blank(procedure):
    institution = procedure.institution
    assert institution.procedure_code == ""
    assert institution.release_status == ("Liberado", "Emitida a: N/A")
    assert (institution.roles["CSC"], institution.roles["DAU"]) == ("", "")


# --- Questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record_type", "information_type", "code"),
    [
        ("backup", "source_code", "FOR 7.5 DSE 02"),
        ("backup", "database", "FOR 7.5 DSE 03"),
        ("backup", "server_configuration", "FOR 7.5 DSE 04"),
        ("backup", "images_documents", "FOR 7.5 DSE 04"),
        ("backup_request", None, "FOR 7.5 DSE 05"),
        ("recovery", None, "FOR 7.5 DSE 05"),
        ("failure", "database", "FOR 7.5 DSE 05"),
        ("plan", None, "FOR 7.5 CSC 01"),
        ("delivery", None, "FOR 7.5 CSC 02"),
        ("loan", None, "FOR 7.5 CSC 03"),
        ("service_request", None, "FOR 7.2 DAU 01"),
    ],
)
def test_form_for(procedure, record_type, information_type, code):
    assert procedure.form_for(record_type, information_type).code == code


def test_a_directory_is_read_once(procedure):
    assert load() is procedure


def test_what_is_no_form_has_none(procedure):
    assert procedure.form_for("run") is None


def test_an_unknown_kind_is_named(procedure):
    with pytest.raises(ProcedureError, match=r"«video» no es un tipo de información \(server_configuration, source_"):
        procedure.form_for("backup", "video")


def test_names_of_series_and_files(procedure):
    form = procedure.forms["FOR 7.5 DSE 02"]
    assert (form.series, form.file_stem) == ("DSE-02", "FOR-7.5-DSE-02")


def test_csv_columns_are_what_is_recorded(procedure):
    columns = procedure.forms["FOR 7.5 DSE 03"].csv_columns()
    assert columns[0] == ("folio", "Folio")
    assert ("size_change_pct", "Variación de tamaño (%)") in columns
    assert columns[-1] == ("previous_sha256", "Huella del registro anterior")
    assert {"status", "daily_results", "week_closed_by", "failure_folio"}.isdisjoint(dict(columns))


def test_what_later_records_say_of_a_form_is_refused_in_its_line_and_stands_in_its_csv(procedure):
    form = procedure.forms["FOR 7.5 CSC 03"]
    later = [field.name for field in form.fields_for("loan") if field.later]
    assert later[:3] == ["authorized_by", "lent_at", "due_back_on"]
    assert set(later) <= set(dict(form.csv_columns()))
    assert all(field.computed for field in form.fields_for("loan") if field.later)


def test_csv_headings_are_unique_in_every_form(procedure):
    for form in procedure.forms.values():
        headings = [label for _name, label in form.csv_columns()]
        assert len(set(headings)) == len(headings), form.code


def test_csv_columns_of_a_form_with_several_uses(procedure):
    columns = dict(procedure.forms["FOR 7.5 DSE 05"].csv_columns())
    assert columns["item_id"] == "Información a recuperar / Respaldo afectado"
    assert {"estimated_bytes", "wanted_as_of", "failure_stage"} <= set(columns)


@pytest.mark.parametrize(
    ("field", "value", "label"),
    [
        ("verification_result", "review", "En revisión"),
        ("information_type", "source_code", "Código fuente"),
        ("frequency", "60_days", "Cada sesenta días"),
        ("record_type", "failure", "Falla"),
        ("is_full", True, "Sí"),
        ("size_bytes", 12, "12"),
        ("remarks", None, ""),
        ("information_type", "video", "video"),
    ],
)
def test_label(procedure, field, value, label):
    assert procedure.label(field, value) == label


# --- Records ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def record():
    """A line of FOR 7.5 DSE 02 as it is before the ledger appends it."""
    return {
        "form_code": "FOR 7.5 DSE 02",
        "record_type": "backup",
        "prepared_by": "JAA",
        "item_id": "portal-src",
        "request_folio": "DSE-05-2026-0001",
        "server": "srv-web01",
        "service": "Portal institucional",
        "repository_type": "software_project",
        "information_type": "source_code",
        "source": "/srv/www/portal",
        "backup_date": "2026-11-21",
        "started_at": "2026-11-21T02:00:00-06:00",
        "finished_at": "2026-11-21T02:04:00-06:00",
        "execution_mode": "automatic",
        "tool": "dse-backup 1.0.0",
        "file_name": "4be0c2d1",
        "size_bytes": 650117120,
        "entry_count": 18412,
        "size_change_pct": None,
        "sha256": "4b" * 32,
        "verification_result": "first",
        "iso_week": "2026-W47",
        "week_start": "2026-11-16",
        "week_end": "2026-11-22",
        "is_full": True,
    }


def test_a_good_record(procedure, record):
    assert procedure.check_record(record) == []


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("sizebytes", 1, "sizebytes: el formato no tiene este campo"),
        ("status", "cerrado", "status: se calcula al leer, no se registra"),
        ("item_id", None, "item_id: falta «Clave del respaldo»"),
        ("service", "", "service: falta «Servicio electrónico»"),
        (
            "verification_result",
            "good",
            "verification_result: «good» no es uno de sus valores (conforming, review, nonconforming, first)",
        ),
        ("verification_result", ["first"], "verification_result: «['first']» no es del tipo enum"),
        ("size_bytes", "650117120", "size_bytes: «650117120» no es del tipo int"),
        ("size_bytes", True, "size_bytes: «True» no es del tipo int"),
        ("size_change_pct", float("nan"), "size_change_pct: «nan» no es del tipo decimal"),
        ("is_full", "Sí", "is_full: «Sí» no es del tipo bool"),
        ("backup_date", "21/11/2026", "backup_date: «21/11/2026» no es del tipo date"),
        ("started_at", "2026-11-21T02:00:00", "started_at: «2026-11-21T02:00:00» no es del tipo datetime"),
        ("request_folio", "DSE-05-2026-1", "request_folio: «DSE-05-2026-1» no es del tipo folio"),
        ("sha256", "4be0", "sha256: «4be0» no es del tipo sha256"),
        ("iso_week", "2026-47", "iso_week: «2026-47» no es del tipo week"),
        ("excluded_paths", "cache/", "excluded_paths: «cache/» no es del tipo list"),
        (
            "form_code",
            "FOR 7.5 DSE 03",
            "form_code: un registro «backup» lleva «FOR 7.5 DSE 02», no «FOR 7.5 DSE 03»",
        ),
    ],
)
def test_a_wrong_record_says_which_field(procedure, record, field, value, problem):
    assert procedure.check_record({**record, field: value}) == [problem]


def test_all_problems_of_a_record_at_once(procedure, record):
    del record["tool"], record["entry_count"]
    assert len(procedure.check_record({**record, "file": 1})) == 3


def test_a_record_of_unknown_type(procedure):
    assert procedure.check_record({"record_type": "note"})[0].startswith("record_type: «note» no es un tipo de reg")
    assert procedure.check_record({"record_type": ["backup"]}) != []
    assert procedure.check_record({}) != []


def test_a_backup_of_unknown_kind(procedure, record):
    assert procedure.check_record({**record, "information_type": "video"})[0].startswith("information_type: «video»")
    assert procedure.check_record({**record, "information_type": None}) != []
    assert procedure.check_record({**record, "information_type": ["database"]}) != []


def test_of_a_record_that_is_no_form_only_the_type_counts(procedure):
    assert procedure.check_record({"record_type": "run", "form_code": None, "anything": 1}) == []
    assert procedure.check_record({"record_type": "run", "form_code": "FOR 7.5 DSE 02"}) != []


def test_a_refused_item_can_be_recorded_whatever_it_said(procedure):
    assert (
        procedure.check_record(
            {
                "form_code": "FOR 7.5 DSE 05",
                "record_type": "failure",
                "prepared_by": "JAA",
                "failure_stage": "backup",
                "failure_type": "not_run",
                "scheduled_for": "2026-11-22T01:00:00-06:00",
                "detected_at": "2026-11-22T01:00:00-06:00",
                "item_id": "¡Portal!",
                "server": "srv-web01",
                "information_type": "video",
                "service": None,
                "error_message": "information_type: «video» no es un tipo de información",
            }
        )
        == []
    )


def test_a_week_to_deliver_and_a_week_to_acknowledge(procedure):
    assert (procedure.delivery.within_days, procedure.delivery.acknowledge_within_days) == (7, 7)


def test_a_week_to_give_a_loan_back_and_a_working_day_to_answer(procedure):
    assert (procedure.loan.return_within_days, procedure.loan.answer_within_working_days) == (7, 1)


def test_retention_is_that_of_the_procedures_readings(procedure):
    # 14 daily and 12 monthly databases, 5 weekly and 12 monthly source code, 6 cycles of the rest.
    kinds = procedure.information_types
    assert kinds["database"].retention == Retention(daily=14, monthly=12)
    assert kinds["source_code"].retention == Retention(weekly=5, monthly=12)
    assert kinds["server_configuration"].retention == kinds["images_documents"].retention == Retention(cycles=6)
    assert procedure.safeguards.keep_last >= 2


def test_what_is_tolerated_is_the_kinds_unless_the_item_says_otherwise(procedure):
    """Breaks: what a backup was judged by and what the report says it was judged by are two things."""
    of_kind = procedure.tolerances("database")
    assert (of_kind["shrink_pct"], of_kind["grow_pct"], of_kind["accumulated_shrink_pct"]) == (10, 50, 25)
    assert of_kind["nonconforming_below_pct"] == 50
    assert procedure.tolerances("database", {"grow_pct": 80}) == {**of_kind, "grow_pct": 80}

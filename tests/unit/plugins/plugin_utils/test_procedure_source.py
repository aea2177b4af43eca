# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every mistake in procedure/ is reported, all at once, with its file, line and key; none of them is a traceback."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import DEFAULT_DIRECTORY, ProcedureError, load


@pytest.fixture
def change(tmp_path):
    """Replace a piece of text in a copy of procedure/ and return the problems that loading it reports."""
    directory = tmp_path / "procedure"
    shutil.copytree(DEFAULT_DIRECTORY, directory)

    def apply(*changes):
        for name, old, new in changes:
            file = directory / name
            if old is None:
                file.unlink()
                continue
            text = file.read_text(encoding="utf-8")
            assert old in text, f"{name} no longer holds {old!r}"
            file.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ProcedureError) as error:
            load(directory)
        assert str(error.value) == "\n".join(error.value.problems)
        return error.value.problems

    return apply


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        (
            "information_types.yml",
            "frequency: daily",
            "frequency: fortnightly",
            ": information_types.database.frequency: «fortnightly» no es una periodicidad conocida "
            "(weekly, daily, 60_days)",
        ),
        (
            "information_types.yml",
            "    missed_at:",
            "    mised_at:",
            "information_types.server_configuration.mised_at: clave desc",
        ),
        (
            "information_types.yml",
            '"06:00"',
            "16:00",
            "information_types.database.missed_at: «960» no es una hora entre",
        ),
        (
            "information_types.yml",
            "shrink_pct: 10",
            "shrink_pct: -10",
            "database.tolerance.shrink_pct: «-10» debe ser un",
        ),
        (
            "information_types.yml",
            "  within_days: 7",
            "  within_days: 0",
            "delivery.within_days: «0» debe ser un entero",
        ),
        ("information_types.yml", "  acknowledge_within_days: 7\n", "", "delivery.acknowledge_within_days: falta esta"),
        (
            "information_types.yml",
            "  return_within_days: 7",
            "  return_within_days: 366",
            "loan.return_within_days: «366» debe ser un número de días, de 1 a 365",
        ),
        (
            "information_types.yml",
            "FOR 7.5 DSE 03",
            "FOR 7.5 DSE 13",
            "database.form_code: «FOR 7.5 DSE 13» no es un fo",
        ),
        (
            "information_types.yml",
            "FOR 7.5 DSE 03",
            "FOR 7.5 CSC 01",
            "database.form_code: «FOR 7.5 CSC 01» no es un fo",
        ),
        ("information_types.yml", "    days: 60\n", "", "frequencies.60_days.days: acompaña a la unidad elapsed_days"),
        ("information_types.yml", "  source_code:", "  database:", "no es YAML válido: la clave «database» está dos"),
        ("institution.yml", "time_zone: America/Mexico_City\n", "", "time_zone: falta esta clave"),
        ("institution.yml", "Mexico_City", "Atlantis", "time_zone: «America/Atlantis» no es una zona horaria"),
        ("institution.yml", "prepared_by: JAA", "prepared_by: JEFE", "prepared_by: «JEFE» no está en roles (JAA,"),
        ("institution.yml", "prepared_by: JAA", "prepared_by: [", "no es YAML válido"),
        ("revisions.yml", "2012-02-13", "2012-02-30", "[8].date: «2012-02-30» no es una fecha (AAAA-MM-DD)"),
        ("revisions.yml", "2012-02-13", "2002-02-13", "[8].date: «2002-02-13» no es posterior a la revisión anterior"),
        ("revisions.yml", "number: 8", "number: 9", "[9].number: debe ser 8"),
        ("references.yml", "documents:", "papers:", "documents: falta esta clave"),
        ("repository_types.yml", "Bases de datos", "5", "database: «5» debe ser un texto"),
        ("forms/csc-03.yml", None, None, "record_types.forms.loan: falta en forms/ el formato que lo recibe"),
        ("forms/common.yml", None, None, "no existe este archivo"),
        ("forms/dse-02.yml", "name: week_start", "name: iso_week", "[iso_week]: el formato ya tiene un campo con este"),
        (
            "forms/dse-02.yml",
            "name: iso_week",
            "name: size_bytes",
            "[size_bytes]: el formato ya tiene un campo con est",
        ),
        (
            "forms/dse-02.yml",
            "type: week",
            "type: weak",
            "uses[backup].fields[iso_week].type: «weak» no es uno de: str,",
        ),
        (
            "forms/dse-02.yml",
            "type: week",
            "type: enum",
            "uses[backup].fields[iso_week]: un campo enum, y sólo él, lle",
        ),
        ("forms/dse-02.yml", "required: required", "required: requried", "fields[iso_week].required: «requried» debe"),
        (
            "forms/dse-02.yml",
            "record_type: backup",
            "record_type: copy",
            "uses[copy].record_type: «copy» no está en reco",
        ),
        ("forms/dse-02.yml", "retention_years: 1", "retention_years: uno", "retention_years: «uno» debe ser un entero"),
        ("forms/dse-02.yml", "DSE 02", "DSE 03", "code: «FOR 7.5 DSE 03» está en dos archivos"),
        (
            "forms/dse-05.yml",
            "record_type: recovery",
            "record_type: plan",
            "record_type: «plan» ya es de procedure/for",
        ),
        (
            "forms/backup_line.yml",
            "{automatic: Automático, manual: Manual}",
            "{}",
            "[execution_mode].values: debe tener",
        ),
        ("forms/backup_line.yml", "manual: Manual", "manual: A mano", "«A mano» aquí y «Manual» en otro formato"),
        (
            "forms/backup_line.yml",
            "origin: product",
            "origin: us",
            "fields[run_id].origin: «us» no es uno de: procedure",
        ),
    ],
)
def test_a_mistake_names_its_file_and_key(change, name, old, new, problem):
    problems = change((name, old, new))
    assert any(problem in line for line in problems), problems
    assert all(line.startswith("procedure/") for line in problems)


def test_a_mistake_names_its_line(change):
    (problem,) = change(("revisions.yml", "2012-02-13", "2012-02-30"))
    lines = (DEFAULT_DIRECTORY / "revisions.yml").read_text(encoding="utf-8").splitlines()
    assert problem.startswith(f"procedure/revisions.yml:{lines.index('  date: 2012-02-13') + 1}: [8].date: ")


def test_the_line_of_a_value_that_begins_below_its_key_is_that_of_the_key(change):
    (problem,) = change(("institution.yml", "release_status:\n  - Liberado\n  -", "release_status:\n  status:"))
    lines = (DEFAULT_DIRECTORY / "institution.yml").read_text(encoding="utf-8").splitlines()
    line = lines.index("release_status:") + 1
    assert problem == f"procedure/institution.yml:{line}: release_status: debe ser una lista"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("forms/common.yml", None, None),
        ("forms/backup_line.yml", "origin: product", "origin: us"),
        ("forms/dse-02.yml", "type: week", "type: weak"),
        ("information_types.yml", "missed_at:", "mised_at:"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_no_mistake_of_the_others(change, name, old, new):
    assert {problem.split(":")[0] for problem in change((name, old, new))} == {f"procedure/{name}"}


def test_a_mistake_in_a_field_that_all_forms_share_is_reported_once(change):
    (problem,) = change(
        ("forms/common.yml", "name: folio, label: Folio, type: folio", "name: folio, label: F, type: enum")
    )
    assert "first[folio]: un campo enum" in problem


def test_all_mistakes_at_once(change):
    problems = change(
        ("institution.yml", "prepared_by: JAA", "prepared_by: JEFE"),
        ("information_types.yml", "frequency: daily", "frequency: fortnightly"),
        ("revisions.yml", "2012-02-13", "13/02/2012"),
        ("forms/csc-01.yml", "type: list", "type: lst"),
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "procedure/revisions.yml",
        "procedure/forms/csc-01.yml",
        "procedure/institution.yml",
        "procedure/information_types.yml",
    ]


def test_a_missing_directory(tmp_path):
    with pytest.raises(ProcedureError, match=r"institution\.yml: no existe"):
        load(tmp_path / "nowhere")


def test_garbage_is_reported_not_raised(change):
    assert change(("revisions.yml", "---", "\x00")) != ()
    assert change(("institution.yml", "roles:", "? [a, b]\n: c\nroles:")) != ()
    assert change(("references.yml", "procedures:", "5:")) != ()
    assert change(("information_types.yml", "days: 60", "days: !!int sesenta")) != ()

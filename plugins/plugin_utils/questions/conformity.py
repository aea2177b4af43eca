# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the procedure followed? Each clause with its control, the newest evidence of that, how old it is, its state."""

from __future__ import annotations

from typing import Any

from ansible_collections.dse.backup.plugins.plugin_utils.controls import CONTROLS, Facts, Found
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Clause
from ansible_collections.dse.backup.plugins.plugin_utils.questions.frame import (
    Answer,
    Asked,
    Column,
    Section,
    day,
    text,
)

# A control without evidence was never called for: no medium, no failure, nothing asked back.
CONFORMING, NONCONFORMING, NO_CASES = "conforming", "nonconforming", "no_cases"
_STATES = {CONFORMING: "conforme", NONCONFORMING: "NO CONFORME", NO_CASES: "sin casos"}
_NAMED = 3


def conformity(asked: Asked) -> Answer:
    """Tell of each clause whether its controls are at work, and by which evidence."""
    facts = Facts(asked)
    rows = [
        _row(facts, clause, key, CONTROLS[key](facts, clause) if key in CONTROLS else _nobody_looks(key))
        for clause in asked.procedure.clauses
        for key in clause.controls
    ]
    failing = [row for row in rows if row["state"] == NONCONFORMING]
    return Answer(
        f"CONFORMIDAD CON EL PROCEDIMIENTO, REVISIÓN {asked.procedure.procedure_revision}",
        [Section("clauses", "CLÁUSULAS, SUS CONTROLES Y SU EVIDENCIA", _CLAUSE, rows)],
        [f"{row['clause']} {row['title']}: {_in_short(row['faults'])}" for row in failing],
        next_command=next((row["next_command"] for row in failing if row["next_command"]), ""),
        all_is_well="Todas las cláusulas tienen su control en operación.",
    )


def _row(facts: Facts, clause: Clause, key: str, found: Found) -> dict[str, Any]:
    state = NONCONFORMING if found.faults else CONFORMING if found.on else NO_CASES
    return {
        **{"clause": clause.clause, "title": clause.title, "control": key},
        "control_label": facts.asked.procedure.controls[key].label,
        "evidence": found.evidence or None,
        "evidence_on": found.on and found.on.isoformat(),
        "age_days": (facts.today - found.on).days if found.on else None,
        "state": state,
        "faults": found.faults,
        "next_command": found.remedy if found.faults else "",
    }


def _nobody_looks(key: str) -> Found:
    return Found(faults=[f"{key} está en procedure/controls.yml y nada lo revisa: corrija su nombre"])


def _in_short(faults: list[str]) -> str:
    return "; ".join(faults[:_NAMED]) + (f" … ({len(faults)})" if len(faults) > _NAMED else "")


_CLAUSE = (
    *(text("Cláusula", "clause"), text("Dice", "title"), text("Control", "control_label")),
    *(text("Evidencia más reciente", "evidence"), day("Del", "evidence_on"), text("Días", "age_days")),
    *(
        Column("Estado", lambda row: _STATES[row["state"]]),
        Column("Falta", lambda row: _in_short(row["faults"]) or "—"),
    ),
)

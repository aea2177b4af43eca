# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read of the register of media: what there is, what is to be done, what was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, spoken_day
from ansible_collections.dse.backup.plugins.plugin_utils import media
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.media import Medium
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Media
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import table


def row(medium: Medium, rules: Media) -> list[str]:
    """Return a medium as one row of a table."""
    return [
        medium.media_id,
        rules.types.get(medium.media_type, medium.media_type),
        human_size(medium.capacity_bytes) if medium.capacity_bytes else "",
        medium.custodian,
        medium.location,
        rules.states[medium.state],
        f"usado el {spoken_day(medium.last_used_at)}" if medium.last_used_at else "sin usar",
    ]


def register(several: Iterable[Medium], following: Medium | None, rules: Media, directory: str) -> list[str]:
    """Return the whole register, and what is to be done with it."""
    listed = sorted(several, key=lambda each: (each.custodian, each.media_id))
    lines = ["", "MEDIOS DE ALMACENAMIENTO"]
    lines += table([row(each, rules) for each in listed]) if listed else ["  Ninguno registrado (medium_register)."]
    to_do = [*attention(listed, rules), *_unlabelled(listed)]
    if any(each.custodian == media.CSC for each in listed):
        lines += ["", f"Para la próxima entrega: {media.asked_for(following)}."]
    if to_do:
        lines += ["", "QUÉ HACER", *(f"  ! {each}" for each in to_do)]
    return [*lines, "", f"Registro oficial: {directory}", ""]


def attention(several: Iterable[Medium], rules: Media) -> list[str]:
    """Return, one a line, what is wrong with which medium: out of place, full, damaged, lost."""
    lines = []
    for each in several:
        if each.is_misplaced(rules.office):
            lines.append(f"{each.media_id}: {misplaced(each, rules)}")
        if each.state == media.FULL:
            lines.append(f"{each.media_id} está lleno: guárdelo en {each.location} y no lo borre; sirve para recuperar")
        elif each.state in (media.DAMAGED, media.LOST):
            what = rules.states[each.state].lower()
            lines.append(
                f"{each.media_id} está {what} ({each.reason}): repóngalo, o dele de baja (medium_state=retired)"
            )
    return lines


def misplaced(medium: Medium, rules: Media) -> str:
    """Return in words where a medium of JAA's is, and where it should be."""
    return f"está en «{medium.location}», y los medios de JAA deben estar en «{rules.office}» (4.4)"


def _unlabelled(several: Iterable[Medium]) -> list[str]:
    return [
        f"{each.media_id} no tiene etiqueta electrónica: móntelo, y medium.yml -e medium_register={each.media_id}"
        for each in several
        if not each.medium_uuid and each.custodian == media.CSC and each.state in (media.AVAILABLE, media.IN_USE)
        if each.media_type != "tape"
    ]


def faults_of_label(label: dict[str, str], known: Medium | None, scan: str) -> list[str]:
    """Return in words what does not fit: the label of what is mounted, the register, the code of a printed label."""
    name = label["media_id"]
    if known is None:
        return [
            f"{name} no está en el registro de medios: no se use; si es nuevo, regístrelo con medium_register={name}"
        ]
    faults = []
    if known.medium_uuid != label["medium_uuid"]:
        faults.append(
            f"hay dos medios con la clave {name}: la etiqueta del que está montado es {label['medium_uuid']} y la del "
            f"registro, {known.medium_uuid or 'ninguna'}; retire éste"
        )
    if known.custodian != label["custodian"]:
        faults.append(f"según su etiqueta {name} es de {label['custodian']}, y según el registro de {known.custodian}")
    if scan and media.scanned(scan) != (name, label["medium_uuid"]):
        printed = media.scanned(scan)[0] or "ningún medio nuestro"
        faults.append(f"la etiqueta impresa es de {printed}, con otra huella que la electrónica, que es de {name}")
    return faults


def mounted(
    label: dict[str, str], known: Medium | None, room: dict[str, Any], faults: list[str], rules: Media
) -> list[str]:
    """Return which medium is mounted, and whether that is as it should be."""
    lines = ["", f"MEDIO MONTADO: {label['media_id']}"]
    if known:
        lines += table([row(known, rules)])
    lines += [
        f"  Etiqueta electrónica {label['medium_uuid']}, de {label['institution']}, del {label['labelled_at'][:10]}",
        f"  Libre: {human_size(int(room['free_bytes']))} de {human_size(int(room['size_bytes']))}",
        *(f"  ✗ {each}" for each in faults),
    ]
    if known and not faults:
        lines.append("  Su etiqueta coincide con el registro.")
    return [*lines, ""]


def plan(result: dict[str, Any], run_id: str) -> str:
    """Return what is going to be recorded of which medium."""
    return "\n".join(["", "MEDIO DE ALMACENAMIENTO", *table([result["shown"]]), ""])


def checked(result: dict[str, Any]) -> str:
    """Return the end of a rehearsal."""
    return "Revisión (--check): no se etiquetó ni se registró nada."


def run(shown: list[dict[str, Any]], others: list[dict[str, Any]], result: dict[str, Any], ledger: Ledger) -> str:
    """Return what was recorded, and what comes next."""
    lines = [line for record in others for line in _recorded(record)]
    if result.get("is_known"):
        lines.append(f"Ya estaba registrado: {result['shown'][0]}. Nada cambia.")
    if result.get("misplaced"):
        office = ledger.procedure.media.office
        lines.append(f"! Los medios de JAA deben estar en «{office}» (4.4), y éste no lo está.")
    return "\n".join([*lines, f"Registro oficial: {ledger.directory}", ""])


def _recorded(record: dict[str, Any]) -> list[str]:
    name = record["media_id"]
    if record["medium_event"] == "changed":
        return [f"REGISTRADO: {name}."]
    lines = [f"REGISTRADO: {name}."] if record["medium_event"] == "registered" else []
    if record.get("medium_uuid"):
        lines.append(f"ETIQUETADO: {name}, {record['medium_uuid']}. Imprima su etiqueta y péguesela:")
        lines.append(f"  medium.yml -e medium_id={name} -e medium_labels={name}.html")
    return lines

# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of media (2.0, 4.4), folded from the ledger's facts, and which of them is next. Pure.

A fact is a record of the type ``medium`` and says only what it says: registered, labelled, changed. That one was used
is said by the delivery itself. Nothing is ever taken back: the last fact counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.medium import is_media_id

AVAILABLE, IN_USE, FULL, LENT, DAMAGED, LOST, RETIRED = (
    *("available", "in_use", "full", "lent", "damaged", "lost", "retired"),
)
JAA, CSC = "JAA", "CSC"
# What can be written to.
_OPEN = (AVAILABLE, IN_USE)
# Out of these, and into them, with a reason only.
_NEEDS_REASON = (LENT, DAMAGED, LOST, RETIRED)
_FIELDS = (
    *("media_type", "capacity_bytes", "custodian", "location", "state", "medium_uuid", "label_text", "key_reference"),
)


@dataclass
class Medium:
    """One medium as the facts leave it. Moments are ISO text; ``medium_uuid`` is empty until it carries its label.

    ``deliveries`` are the folios of what was delivered onto it, the oldest first.
    """

    media_id: str
    media_type: str = "other"
    capacity_bytes: int = 0
    custodian: str = ""
    location: str = ""
    state: str = AVAILABLE
    medium_uuid: str = ""
    label_text: str = ""
    key_reference: str = ""
    registered_at: str = ""
    last_used_at: str = ""
    reason: str = ""
    deliveries: list[str] = field(default_factory=list)

    def take(self, record: dict[str, Any]) -> None:
        """Take one more fact into account: a medium's own, or a delivery onto it."""
        if record["record_type"] == "delivery":
            self.last_used_at = max(self.last_used_at, record["delivered_at"])
            self.deliveries.append(record["folio"])
            if self.state == AVAILABLE:
                self.state = IN_USE
            return
        if record["medium_event"] == "registered":
            self.registered_at = record["recorded_at"]
        for name in _FIELDS:
            if record.get(name) is not None:
                setattr(self, name, record[name])
        if record.get("state"):
            self.reason = record.get("reason") or ""

    def lend(self, loan_folio: str) -> None:
        """Take into account that JAA has it on loan; one that is lost, damaged or retired stays so."""
        if not self.is_gone:
            self.state, self.reason = LENT, loan_folio

    @property
    def is_open(self) -> bool:
        """Whether more can be written to it, as far as the register knows."""
        return self.state in _OPEN and bool(self.medium_uuid)

    @property
    def is_gone(self) -> bool:
        """Whether what was on it can no longer be counted on."""
        return self.state in (DAMAGED, LOST, RETIRED)

    def is_misplaced(self, office: str) -> bool:
        """Whether it is JAA's and not in JAA's ``office`` (4.4), and nobody said why."""
        elsewhere = self.location.casefold().split() != office.casefold().split()
        return self.custodian == JAA and elsewhere and self.state not in (LENT, LOST, RETIRED)


def next_in_rotation(media: Iterable[Medium], *, instead_of: str = "") -> Medium | None:
    """Return CSC's medium whose turn it is: that can be written to, the one used longest ago first.

    One that was never used comes before all others; of equals, by its id. ``instead_of`` is the one that it is not.
    """
    usable = [each for each in media if each.custodian == CSC and each.is_open and each.media_id != instead_of]
    return min(usable, key=lambda each: (each.last_used_at, each.media_id), default=None)


def asked_for(medium: Medium | None) -> str:
    """Return in words which medium is to be put in, the next of the rotation."""
    if medium is None:
        return "no queda ningún medio de CSC disponible: registre uno nuevo con medium.yml"
    return f"el siguiente en la rotación es {medium.media_id} ({medium.location})"


def objection(media_id: str, medium: Medium | None, labels: dict[str, str]) -> str:
    """Return in words why nothing is delivered onto a medium, "" where something is. ``labels`` are the states'."""
    if medium is None:
        return f"«{media_id}» no está en el registro de medios: regístrelo con medium.yml, o corrija la clave"
    if medium.custodian != CSC:
        return f"{media_id} es de {medium.custodian}, y la segunda copia va en un medio de CSC (4.1.6)"
    if medium.state not in _OPEN:
        why = f" ({medium.reason})" if medium.reason else ""
        return f"{media_id} no puede recibir respaldos, su estado es «{labels[medium.state]}»{why}"
    if not medium.medium_uuid:
        return (
            f"{media_id} no tiene etiqueta electrónica: móntelo en el servidor de respaldos y ejecute medium.yml -e "
            f"medium_register={media_id}"
        )
    return ""


def change(medium: Medium, *, location: str = "", state: str = "", reason: str = "") -> dict[str, Any]:
    """Return the fact that a medium is elsewhere, or in another state; empty texts are not said."""
    said = {"location": location, "state": state, "reason": reason}
    return {
        "record_type": "medium",
        "medium_event": "changed",
        "media_id": medium.media_id,
        **{name: value for name, value in said.items() if value},
    }


def faults_of_change(medium: Medium, *, location: str, state: str, reason: str) -> list[str]:
    """Return in words why a medium cannot be changed so. A medium that was retired stays so."""
    faults = []
    if medium.state == RETIRED:
        faults.append(f"{medium.media_id} está dado de baja, y eso es definitivo: registre otro con otra clave")
    elif not location and not state:
        faults.append(f"diga qué cambia de {medium.media_id}: medium_location, medium_state")
    elif (state or medium.state) == medium.state and (location or medium.location) == medium.location:
        faults.append(f"{medium.media_id} ya está así: nada cambia")
    if state and state != medium.state and not reason and {state, medium.state} & set(_NEEDS_REASON):
        faults.append("medium_reason: falta el motivo del cambio de estado")
    return faults


def fault_of_id(media_id: str) -> str:
    """Return in words why this is no id of a medium, "" where it is one."""
    if is_media_id(media_id):
        return ""
    return f"«{media_id}» no es una clave de medio: letras sin acento, dígitos y guiones, como CSC-HD-11"


def same_id(media_id: str, media: Iterable[Medium]) -> Medium | None:
    """Return the medium that people would call the same: case alone does not tell two labels apart."""
    return next((each for each in media if each.media_id.casefold() == media_id.casefold()), None)


def scanned(text: str) -> tuple[str, str]:
    """Return id and uuid of what a label's QR code says, empty where it is none of ours."""
    match = re.fullmatch(r"dse-backup:([^:]+):([0-9a-f-]{36})", text.strip())
    return (match[1], match[2]) if match else ("", "")


def code_of(medium: Medium) -> str:
    """Return what the QR code of a medium's printed label says: its id and what its electronic label has."""
    return f"dse-backup:{medium.media_id}:{medium.medium_uuid}"

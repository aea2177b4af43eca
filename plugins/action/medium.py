# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of media: what is new, what changed, which one is mounted, what labels say; each change a record."""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import asdict, replace
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible.utils.display import Display
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_export, media, media_labels
from ansible_collections.dse.backup.plugins.plugin_utils.long_job import text
from ansible_collections.dse.backup.plugins.plugin_utils.media import Medium
from ansible_collections.dse.backup.plugins.plugin_utils.plan_action import PlanAction
from ansible_collections.dse.backup.plugins.plugin_utils.screen import medium as screen

display = Display()

_TEXTS = (
    *("register", "type", "capacity", "custodian", "label_text", "key_reference", "id", "location", "state", "reason"),
    "scan",
)
_LABEL = ("media_id", "medium_uuid", "custodian", "institution", "labelled_at")


class ActionModule(PlanAction):
    """See plugins/modules/medium.py for its options and result."""

    job = "medium"
    act = "llevar el registro de medios"
    # CSC keeps its own, and may say so itself.
    reserved_to = ("JAA", "CSC")

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = self.options(
            directory={"type": "path", "required": True},
            labels={"type": "str", "default": ""},
            label={"type": "bool", "default": True},
            not_empty={"type": "bool", "default": False},
            check={"type": "bool", "default": False},
            **{name: {"type": "str", "default": ""} for name in (*_TEXTS, "operator_role")},
        )
        self.said = {**options, **{name: readable(options[name].strip()) for name in _TEXTS}}
        self.faults: list[str] = []
        with self.ledger.read() as index:
            self.media = {each.media_id: each for each in index.media()}
        if self.said["register"]:
            return self._register()
        if self.said["check"] or self.said["scan"]:
            return self._check()
        if self.said["state"] or self.said["location"]:
            return self._change()
        return self._print() if self.said["labels"] else self._list()

    # --- A new one ----------------------------------------------------------------------------------------------------

    def _register(self) -> dict[str, Any]:
        media_id = self.said["register"]
        self.faults += self.take_operator(self.said["operator_role"], "manual")
        known = media.same_id(media_id, self.media.values())
        medium = self._known_again(known) if known else self._new(media_id)
        self._refuse()
        if known and (known.medium_uuid or not self.said["label"]):
            if known.medium_uuid and self.said["label"] and not self._task.check_mode:
                self._require_same(known, self._label_of_what_is_mounted()["label"])
            return self.acted([], shown=screen.row(known, self.procedure.media), is_known=True)
        medium = self._labelled(medium)
        record = {
            "record_type": "medium",
            "medium_event": "labelled" if known else "registered",
            "media_id": medium.media_id,
            "medium_uuid": medium.medium_uuid or None,
        }
        if not known:
            names = ("media_type", "capacity_bytes", "custodian", "location", "state", "label_text")
            record |= {name: getattr(medium, name) for name in names}
            record["key_reference"] = medium.key_reference or None
        return self.acted(
            [{**record, **self.by}],
            shown=screen.row(medium, self.procedure.media),
            misplaced=medium.is_misplaced(self.procedure.media.office),
        )

    def _known_again(self, known: Medium) -> Medium:
        """Return a medium that is registered once more; what is said otherwise now is a fault."""
        media_id, said = self.said["register"], self.said
        if known.media_id != media_id:
            self._fault("register", f"ya hay un medio {known.media_id}: las claves no se distinguen por mayúsculas")
        before = {"type": known.media_type, "custodian": known.custodian, "location": known.location}
        for name in [name for name, value in before.items() if said[name] and said[name] != value]:
            self._fault(
                name,
                f"{known.media_id} ya está registrado con «{before[name]}»: una clave es única para siempre; dé otra "
                "al medio nuevo, o cambie dónde está con medium_id y medium_location",
            )
        if known.state == media.RETIRED:
            self._fault("register", f"{known.media_id} está dado de baja, y eso es definitivo: dé otra clave")
        return replace(known)

    def _new(self, media_id: str) -> Medium:
        rules, said = self.procedure.media, self.said
        if fault := media.fault_of_id(media_id):
            self._fault("register", fault)
        self._choice("type", list(rules.types), "el tipo de medio")
        self._choice("custodian", list(rules.custodians), "quién lo custodia")
        if not said["location"]:
            self._fault("location", "falta dónde queda el medio")
        if said["capacity"] and not _size(said["capacity"]):
            self._fault("capacity", f"«{said['capacity']}» no es una capacidad, como «2 TB»")
        if not said["capacity"] and not said["label"]:
            self._fault("capacity", "falta la capacidad, como «2 TB»")
        if said["state"] and said["state"] not in (media.AVAILABLE, media.IN_USE):
            self._fault("state", "un medio nuevo está available (disponible) o in_use (en uso)")
        return Medium(
            media_id=media_id,
            media_type=said["type"],
            capacity_bytes=_size(said["capacity"]),
            custodian=said["custodian"],
            location=said["location"],
            state=said["state"] or media.AVAILABLE,
            label_text=said["label_text"]
            or f"Respaldos {rules.label_institution} · {rules.types.get(said['type'], '')} · {said['custodian']}",
            key_reference=said["key_reference"],
        )

    def _labelled(self, medium: Medium) -> Medium:
        """Return the medium with its electronic label, which is written, and with its capacity."""
        if not self.said["label"] or self._task.check_mode:
            return medium
        said = {
            "media_id": medium.media_id,
            "medium_uuid": str(uuid.uuid4()),
            "custodian": medium.custodian,
            "institution": self.procedure.media.label_institution,
            "labelled_at": self.now.isoformat(timespec="seconds"),
        }
        answer = self._label_of_what_is_mounted(label=said, not_empty=self.said["not_empty"])
        label = answer["label"]
        # One that was labelled by a run that was cut off keeps its label, unless that is somebody else's already.
        other = next((each for each in self.media.values() if each.medium_uuid == label["medium_uuid"]), None)
        if label["media_id"] != medium.media_id or other:
            raise AnsibleActionFail(
                f"el medio montado lleva ya la etiqueta de {label['media_id']}: no se registró nada"
            )
        return replace(
            medium,
            medium_uuid=label["medium_uuid"],
            capacity_bytes=medium.capacity_bytes or int(answer["size_bytes"]),
        )

    def _require_same(self, known: Medium, label: dict[str, str] | None) -> None:
        if label is None:
            raise AnsibleActionFail(
                f"no se hizo nada: {known.media_id} ya tiene su etiqueta electrónica, y el medio montado ninguna; si "
                f"lo formatearon, dé de baja a {known.media_id} y registre el medio con otra clave"
            )
        if (label["media_id"], label["medium_uuid"]) != (known.media_id, known.medium_uuid):
            raise AnsibleActionFail(
                f"no se hizo nada: está montado {label['media_id']} ({label['medium_uuid']}), y {known.media_id} es ya "
                f"otro medio ({known.medium_uuid})"
            )

    # --- Where it is, how it is ---------------------------------------------------------------------------------------

    def _change(self) -> dict[str, Any]:
        said, rules = self.said, self.procedure.media
        medium = self._sought()
        keepers = ("JAA", medium.custodian) if medium else self.reserved_to
        self.faults += self.take_operator(
            said["operator_role"], "manual", reserved_to=keepers, act="decir dónde y cómo está este medio"
        )
        if said["state"]:
            self._choice("state", list(rules.states), "el estado")
        change = {name: said[name] for name in ("location", "state", "reason")}
        if medium:
            self.faults += media.faults_of_change(medium, **change)
        self._refuse()
        record = media.change(medium, **change)
        changed = replace(medium)
        changed.take(record)
        return self.acted(
            [{**record, **self.by}],
            shown=screen.row(changed, rules),
            misplaced=changed.is_misplaced(rules.office),
            reason=said["reason"],
        )

    # --- Questions ----------------------------------------------------------------------------------------------------

    def _check(self) -> dict[str, Any]:
        answer = self._label_of_what_is_mounted()
        label = answer["label"]
        if label is None:
            raise AnsibleActionFail(
                f"el medio montado en {self.said['directory']} no tiene etiqueta electrónica; si es nuevo, regístrelo "
                "con medium_register"
            )
        known = self.media.get(label["media_id"])
        faults = screen.faults_of_label(label, known, self.said["scan"])
        display.display("\n".join(screen.mounted(label, known, answer, faults, self.procedure.media)))
        result: dict[str, Any] = {"changed": False, "medium": asdict(known) if known else {}, "label": label}
        return {**result, "failed": True, "msg": "; ".join(faults)} if faults else result

    def _print(self) -> dict[str, Any]:
        path = os.path.abspath(os.path.expanduser(self.said["labels"]))
        if not path.endswith((".html", ".htm")):
            self._fault("labels", f"{readable(path)} debe terminar en .html")
        elif fault := ledger_export.fault(path, self.ledger.directory):
            self._fault("labels", fault)
        wanted = [self._sought()] if self.said["id"] else list(self.media.values())
        if not wanted:
            self._fault("labels", "no hay ningún medio registrado")
        self._refuse()
        printed = [each for each in wanted if each and (self.said["id"] or each.state != media.RETIRED)]
        try:
            page = media_labels.page(printed, self.procedure.media)
            if not self._task.check_mode:
                media_labels.write(path, page)
        except (OSError, media_labels.MissingLibrary) as error:
            raise AnsibleActionFail(f"no se escribieron las etiquetas: {error}") from None
        done = "se escribirían" if self._task.check_mode else "impresas"
        display.display(
            f"\nEtiquetas {done}: {len(printed)}, en {readable(path)} (hoja carta; al imprimir, escala 100 %).\n"
        )
        return {"changed": not self._task.check_mode, "count": len(printed)}

    def _list(self) -> dict[str, Any]:
        several = list(self.media.values())
        if self.said["id"]:
            several = [medium] if (medium := self._sought()) else []
            self._refuse()
        following = media.next_in_rotation(self.media.values())
        display.display("\n".join(screen.register(several, following, self.procedure.media, self.ledger.directory)))
        return {
            "changed": False,
            "media": [asdict(each) for each in several],
            "next": following.media_id if following else "",
            "misplaced": [each.media_id for each in several if each.is_misplaced(self.procedure.media.office)],
        }

    # --- Shared -------------------------------------------------------------------------------------------------------

    def _sought(self) -> Medium | None:
        media_id = self.said["id"]
        if not media_id:
            self._fault("id", "falta la clave del medio, como CSC-HD-11")
        elif media_id not in self.media:
            known = ", ".join(self.media) or "ninguno"
            self._fault("id", f"«{media_id}» no está en el registro de medios; hay: {known}")
        return self.media.get(media_id)

    def _label_of_what_is_mounted(self, **more: Any) -> dict[str, Any]:
        """Return what the backup server says of the medium that is mounted there; its texts are safe to print."""
        arguments = {"directory": self.said["directory"], **more}
        answer = self._execute_module("dse.backup.medium_label", module_args=arguments, task_vars=self.task_vars)
        if answer.get("failed") or "size_bytes" not in answer:
            raise AnsibleActionFail(text(answer.get("msg")) or "el servidor de respaldos no respondió")
        label = answer["label"]
        return {**answer, "label": {name: text(label.get(name)) for name in _LABEL} if label else None}

    def _choice(self, name: str, choices: list[str], what: str) -> None:
        value = self.said[name]
        if value not in choices:
            self._fault(
                name,
                f"«{value}» no es {what}: {', '.join(choices)}" if value else f"falta {what}: {', '.join(choices)}",
            )

    def _fault(self, name: str, message: str) -> None:
        self.faults.append(f"medium_{name}: {message}")

    def _refuse(self) -> None:
        if self.faults:
            raise AnsibleActionFail("no se hizo nada:\n  " + "\n  ".join(self.faults))


def _size(value: str) -> int:
    """Return a number of bytes: 2000398934016, or 2 TB; 0 where it is none."""
    try:
        return int(human_to_bytes(re.sub(r"(?<=[KMGT])i?B$", "", value, flags=re.IGNORECASE)))
    except (ValueError, OverflowError):
        return 0

# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory as the register of what is backed up: every element of it is either an item or refused, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.items import (
    FOLIO_LEAP,
    Fault,
    is_request_folio,
    item_faults,
)
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Procedure


class Unreadable(str):
    """Why a host's ``backup_client_items`` could not be read at all, in words."""


class Item(NamedTuple):
    """One item without mistakes, and the server whose it is."""

    server: str
    definition: dict[str, Any]

    @property
    def item_id(self) -> str:
        """The item's id, unique in the whole inventory."""
        return self.definition["id"]


class Refusal(NamedTuple):
    """One element that is not backed up until somebody mends it. ``item_id`` is its position where it has no id."""

    server: str
    item_id: str
    faults: list[Fault]
    definition: dict[str, Any]

    @property
    def message(self) -> str:
        """The mistakes, each with its key, on one line."""
        return readable(
            "; ".join(f"{fault.key}: {fault.message}" if fault.key else fault.message for fault in self.faults)
        )


class Register(NamedTuple):
    """All items and all refusals of an inventory, in its order."""

    items: list[Item]
    refusals: list[Refusal]

    @property
    def highest_request_folios(self) -> list[str]:
        """The highest folio of each year that the inventory names, in refused elements too: the request exists.

        Before it, where there are that many, the steps that lead up to it; what no step leads to is mistyped.
        """
        years: dict[str, dict[int, str]] = {}
        for element in (*self.items, *self.refusals):
            folio = element.definition.get("request_folio")
            if is_request_folio(folio):
                years.setdefault(folio[:11], {})[int(folio[12:])] = folio
        steps = []
        for _year, folios in sorted(years.items()):
            reached = 0
            while step := max((each for each in folios if reached < each <= reached + FOLIO_LEAP), default=0):
                steps.append(folios[step])
                reached = step
        return steps


def read_register(
    declared: Mapping[str, Any], *, members: Collection[str], holders: Mapping[str, str], procedure: Procedure
) -> Register:
    """Sort out ``declared``: each host's ``backup_client_items``, as it stands in the inventory.

    ``members`` are the hosts of ``dse_servers`` (clause 1.2: nothing else is backed up). ``holders`` tells on which
    server the ledger knows an item: where two servers claim one id, that server keeps it.
    """
    register = Register([], [])
    owners = _owners(declared, members, holders)
    taken: set[str] = set()
    for server, elements in declared.items():
        if not isinstance(elements, list):
            reason = elements if isinstance(elements, Unreadable) else "debe ser una lista de elementos"
            fault = Fault("backup_client_items", reason)
            register.refusals.append(Refusal(server, f"{server}[0]", [fault], {}))
            continue
        for position, element in enumerate(elements, start=1):
            faults = item_faults(
                element, information_types=procedure.information_types, repository_types=procedure.repository_types
            )
            definition = element if isinstance(element, dict) else {}
            item_id = definition.get("id")
            # An id stands for one element only, refused ones too: the record has one outcome for each.
            own = isinstance(item_id, str) and item_id not in taken and owners.get(item_id, server) == server
            if server not in members:
                faults.append(Fault("", f"el servidor {server} no pertenece al grupo dse_servers (alcance, 1.2)"))
            elif isinstance(item_id, str) and item_id and not own:
                faults.append(Fault("id", f"«{item_id}» está repetido: ya lo usa otro elemento de {owners[item_id]}"))
            if own:
                taken.add(item_id)
            if faults:
                name = item_id if own and item_id else f"{server}[{position}]"
                register.refusals.append(Refusal(server, readable(name, 100), faults, definition))
            else:
                register.items.append(Item(server, definition))
    return register


def _owners(declared: Mapping[str, Any], members: Collection[str], holders: Mapping[str, str]) -> dict[str, str]:
    """Return whose each id is: of the server that the ledger knows it on, else of the first that claims it."""
    owners: dict[str, str] = {}
    for server in declared:
        if server in members and isinstance(declared[server], list):
            for element in declared[server]:
                if isinstance(element, dict) and isinstance(element.get("id"), str):
                    item_id = element["id"]
                    if item_id not in owners or holders.get(item_id) == server:
                        owners[item_id] = server
    return owners

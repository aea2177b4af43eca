# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole verification of a ledger: its chain, its counts, and the hashes of it that others keep."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import ledger_anchor, ledger_chain
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_anchor import Compared
from ansible_collections.dse.backup.plugins.plugin_utils.ledger_chain import Chain


class Kept(NamedTuple):
    """What one keeper has, or in words why that cannot be read; ``is_missing``: there is nothing yet."""

    where: str
    content: bytes = b""
    problem: str = ""
    is_missing: bool = False


class Verification(NamedTuple):
    """What was found: the chain, by keeper how its anchors compare, what of theirs cannot be read."""

    chain: Chain
    compared: list[tuple[str, Compared]]
    unreadable: list[str]

    @property
    def wrong(self) -> list[str]:
        """In words, everything that is wrong; the first line that is, and what follows it, first."""
        faults = [fault for _where, each in self.compared for fault in each.faults]
        return [*_chain_faults(self.chain), *faults, *self.chain.csv_faults, *self.unreadable]

    @property
    def verdict(self) -> str:
        """The worst of it in a few words: what is derived, or cannot be compared, says nothing against the ledger."""
        if self.chain.faults or any(each.faults for _where, each in self.compared):
            return "EL REGISTRO NO ESTÁ ÍNTEGRO"
        if self.chain.csv_faults:
            return "HAY CSV QUE NO DICEN LO QUE EL REGISTRO"
        if self.unreadable:
            return "NO PUDO COMPARARSE CON TODAS LAS HUELLAS RESGUARDADAS"
        return "REGISTRO ÍNTEGRO"


def of_file(path: str) -> Kept:
    """Return what a file on the controller keeps."""
    path = os.path.abspath(os.path.expanduser(path))
    try:
        with open(path, "rb") as stream:
            return Kept(path, stream.read())
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        return Kept(path, problem=f"no se puede leer {path}: {error.strerror}", is_missing=is_missing)


def of_csc(results: Iterable[Mapping[str, Any]]) -> Iterator[Kept]:
    """Yield what the hosts of CSC keep: the results of a loop of ``ansible.builtin.slurp`` over them."""
    for result in results:
        host = str(result[result["ansible_loop_var"]])
        where = f"CSC ({host})"
        if "content" in result:
            yield Kept(where, base64.b64decode(result["content"]))
        else:
            why = readable(str(result.get("msg") or "no respondió"), 300)
            is_missing = why.lower().startswith("file not found")
            yield Kept(where, problem=f"no se puede leer la copia de {where}: {why}", is_missing=is_missing)


def verification(ledger: Ledger, keepers: Iterable[Kept]) -> Verification:
    """Verify ``ledger`` from its first line to its last, and compare it with what is kept; raise LedgerError."""
    anchors, unreadable = {}, []
    for each in keepers:
        found, faults = ledger_anchor.parse(each.content, each.where) if not each.problem else ([], [each.problem])
        anchors[each.where] = found
        unreadable += faults
    ledger.require()
    reach = ledger.extent()
    chain = ledger_chain.verify(
        lambda: ledger.lines(reach),
        csv_rows=reach.csv_rows,
        wanted={anchor.head_sha256 for several in anchors.values() for anchor in several},
    )
    compared = [(where, ledger_anchor.compare(several, chain)) for where, several in anchors.items()]
    return Verification(chain, compared, unreadable)


def _chain_faults(chain: Chain) -> Iterator[str]:
    if not chain.faults:
        return
    first, *others = chain.faults
    after = ""
    if chain.following:
        same = "todas" if chain.consistent == chain.following else f"{chain.consistent:,}"
        after = f". Después siguen {chain.following:,} líneas; coherentes entre sí: {same}"
    yield first.words + after
    yield from (f"también {each.words}" for each in others)
    if chain.fault_count > len(chain.faults):
        yield f"y otras {chain.fault_count - len(chain.faults):,} líneas con problemas"

# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run costs that has nothing to do, as most runs have: whatever the inventory, it must cost next to nothing."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from . import past
from .controller import BIN, CHECKOUT, Failed, environment, playbook, run
from .measure import Aim, Case, Line, Sample, Table, side_by_side
from .scale import Scale

_NO_OP = """\
- name: Do nothing
  hosts: dse_servers
  gather_facts: false
  tasks:
    - name: Nothing
      ansible.builtin.debug:
        msg: nothing
      run_once: true
"""
_ABOUT = """\
`backup.yml` beside a playbook with one task that does nothing, on the same inventory with the same `ansible.cfg`, as of
somebody who does not have this collection (no callback). Each host has five items with requests that JAA accepted and
conforming backups, and an address that does not exist. The inventory comes as YAML, as an administrator writes it, and
as a script that prints JSON, as AWX gives it: Ansible reads that one several times faster, so that our own share is not
hidden behind its reading of YAML, which takes it a minute at ten thousand hosts.
"""
_NOTES = (
    "Proportion: each size stands beside the next smaller one as many times as it is larger. The aim allows a tenth "
    "for noise; how the no-op playbook grows is shown for comparison.",
    "Peak memory is that of `ansible-playbook`, the largest of its processes.",
)
# Ansible takes a minute to read ten thousand hosts from YAML: nobody works like that, and nothing is learnt from it.
_AS_YAML = 1_000
_NOTHING = "Nada vencía: no se contactó a ningún servidor."


@dataclass
class _Playbook:
    """One of the two that stand beside each other, on one inventory; ``memory`` in MB, a value a run."""

    name: str
    memory: list[float] = field(default_factory=list)


class _Institution:
    """Servers without number, their ledger, and their inventory in its two forms."""

    def __init__(self, directory: Path, servers: int) -> None:
        self.servers = servers
        self.ledger = directory / "ledger"
        self._elements = past.elements(servers * past.ITEMS_EACH)
        self._day: date | None = None
        directory.mkdir()
        content = past.inventory(self._elements)
        self.inventories = {
            "YAML": past.write_yaml(directory / "hosts.yml", content),
            "script": past.write_script(directory / "inventory", content),
        }
        self.have_nothing_due()

    def have_nothing_due(self) -> None:
        """Make the ledger, anew where midnight has passed: databases are due each day."""
        if self._day != past.today():
            self._day = past.today()
            shutil.rmtree(self.ledger, ignore_errors=True)
            past.write_ledger(self.ledger, self._elements)
            past.make_index(self.ledger)


class _Pair:
    """`backup.yml` and the no-op playbook on one inventory."""

    def __init__(self, institution: _Institution, form: str, no_op: Path) -> None:
        self.institution = institution
        self.inventory = institution.inventories[form]
        self.name = f"{institution.servers:,} hosts, {form}"
        self.ours, self.beside = _Playbook(f"backup.yml, {self.name}"), _Playbook(f"no-op, {self.name}")
        self._no_op = no_op

    @property
    def cases(self) -> list[Case]:
        return [
            Case(self.ours.name, self._run_ours, self.institution.have_nothing_due),
            Case(self.beside.name, self._run_no_op),
        ]

    def _run_ours(self) -> None:
        text, memory = apart(playbook, "backup.yml", self.inventory, self.institution.ledger)
        require_nothing_done(text)
        self.ours.memory.append(memory)

    def _run_no_op(self) -> None:
        self.beside.memory.append(apart(run_no_op, self._no_op, self.inventory))


def nothing_due(scale: Scale, work: Path) -> Table:
    """Measure `backup.yml` with nothing due beside a playbook that does nothing, on inventories of every size."""
    no_op = write_no_op(work)
    institutions = [_Institution(work / str(servers), servers) for servers in scale.inventories]
    forms = {
        "YAML": [_Pair(each, "YAML", no_op) for each in institutions if each.servers <= _AS_YAML],
        "script": [_Pair(each, "script", no_op) for each in institutions],
    }
    pairs = [pair for pairs in forms.values() for pair in pairs]
    seconds = side_by_side([case for pair in pairs for case in pair.cases], scale.rounds)
    lines = [
        *(_time(pair, seconds) for pair in pairs),
        *(line for pairs in forms.values() for line in _growth(pairs, seconds)),
        *(_memory(pair) for pair in pairs),
    ]
    return Table("nothing-due", "Nothing is due", _ABOUT, lines, _NOTES)


def write_no_op(work: Path) -> Path:
    """Write the playbook that does nothing; beside it, our ansible.cfg without our callback."""
    lines = (CHECKOUT / "ansible.cfg").read_text("utf-8").splitlines(keepends=True)
    (work / "ansible.cfg").write_text("".join(line for line in lines if "callbacks_enabled" not in line), "utf-8")
    path = work / "no_op.yml"
    path.write_text(_NO_OP, "utf-8")
    return path


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that runs a program in a process that stays small, and return what it returns.

    Linux counts to a program's peak memory that of the process which starts it: ours, which has made a ledger.
    """
    return _small_process().submit(function, *arguments).result()


@functools.cache
def _small_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn"))


def run_no_op(path: Path, inventory: Path) -> float:
    """Run the playbook that does nothing; return its peak memory in MB."""
    command = [BIN / "ansible-playbook", "-i", inventory, path]
    text, memory = run(command, environment(path, ANSIBLE_CONFIG=str(path.with_name("ansible.cfg"))))
    if "ok=1" not in text:
        raise Failed(f"the no-op playbook did not run:\n{text[-4000:]}")
    return memory


def require_nothing_done(text: str) -> None:
    """Make sure by what `backup.yml` printed that it planned, and contacted nobody."""
    if _NOTHING not in text or "skipping: no hosts matched" not in text:
        raise Failed(f"something was due:\n{text[-4000:]}")


def _time(pair: _Pair, seconds: dict[str, Sample]) -> Line:
    aim = Aim(ratio=1.5 if pair.institution.servers <= 100 else 2.0)
    return Line(pair.name, seconds[pair.ours.name], "no-op playbook", seconds[pair.beside.name], aim)


def _growth(pairs: Sequence[_Pair], seconds: dict[str, Sample]) -> list[Line]:
    lines = []
    for small, large in itertools.pairwise(pairs):
        times = large.institution.servers / small.institution.servers
        for what, of, aim in (("backup.yml", "ours", Aim(ratio=1.1)), ("no-op playbook", "beside", None)):
            smaller, larger = (seconds[getattr(pair, of).name] for pair in (small, large))
            share = Sample([value * times for value in smaller.values])
            lines.append(Line(f"proportion, {what}: {large.name}", larger, f"{times:g} × {small.name}", share, aim))
    return lines


def _memory(pair: _Pair) -> Line:
    ours, beside = (Sample(each.memory, "MB") for each in (pair.ours, pair.beside))
    return Line(f"peak memory: {pair.name}", ours, "no-op playbook", beside)

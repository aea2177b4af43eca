# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody who reads a document and types what it says, at a small institution of his own."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from clock import Clock
from documents import FOLIO, Command, Mark, commands, printed_as
from institution import CHECKOUT, Done, Institution
from terminal import Terminal

# What stands in the checkout for one institution alone.
_NOT_OURS = {".demo", ".git", ".venv", "institution", "inventory"}

Scene = Callable[["Reader"], None]


class Reader:
    """Types the commands of documents in a checkout whose inventories are the institution's, and expects what they say.

    A new command is typed like all others. One that cannot be, here, is listed in test_documents.ELSEWHERE.

    ``stands_for``: what is typed in the place of a document's words in capitals; FOLIO is the last one that was
    printed. ``scenes``: what happens before a command, by the name in the document. ``elsewhere``: what is not typed
    here.
    """

    def __init__(
        self,
        institution: Institution,
        *,
        stands_for: Mapping[str, str],
        scenes: Mapping[str, Scene],
        elsewhere: Mapping[str, object],
    ) -> None:
        self.institution = institution
        self.root = institution.root
        self.clock: Clock | None = None
        self.checkout = self.root / "checkout"
        self._stands_for = dict(stands_for)
        self._scenes = scenes
        self._elsewhere = elsewhere
        self._typed: list[Command] = []
        self.checkout.mkdir()
        for path in CHECKOUT.iterdir():
            if path.name not in _NOT_OURS:
                (self.checkout / path.name).symlink_to(path)
        (self.checkout / ".venv").symlink_to(sys.prefix)
        environment = institution.environment(ANSIBLE_CONFIG=None)
        self.terminal = Terminal(
            self.root / "terminal",
            {"/srv": self.root / "srv", "/media": self.root / "media"},
            cwd=self.checkout,
            env={**environment, "PATH": f"{sys.prefix}/bin:{environment['PATH']}"},
        )

    def follow(self, document: str) -> None:
        """Type all that a document says, in its order; what another document has said before is not typed again."""
        for command in commands(CHECKOUT / document, document):
            if command.text in self._elsewhere:
                continue
            if not command.marks and any(_says_as_much(each, command) for each in self._typed):
                continue
            for mark in command.marks:
                self._happen(mark, command)
            self._typed.append(command)
            self._expect(command)

    def _happen(self, mark: Mark, command: Command) -> None:
        if mark.moment:
            assert self.clock, f"{command.place}: this institution's clock cannot be set"
            self.at(mark.moment)
        if mark.scene:
            assert mark.scene in self._scenes, f"{command.place}: there is no scene {mark.scene}"
            self._scenes[mark.scene](self)

    def _expect(self, command: Command) -> None:
        text = self._said(command.text)
        done = self.type(text, where=command.where)
        what = f"{command.place}: {text}\n{done.out}"
        assert done.rc == command.status, f"ended with {done.rc} and not with {command.status}: {what}"
        for line in command.shown:
            folios = printed_as(self._said(line), done.out)
            assert folios is not None, f"did not print «{self._said(line)}»: {what}"
            self._stands_for.update(folios)
        if folios := FOLIO.findall(done.out):
            self._stands_for["FOLIO"] = folios[-1]

    def _said(self, text: str) -> str:
        """Return a text with what stands for its words in capitals, and for its folios, here."""
        words = "|".join(sorted(map(re.escape, self._stands_for), key=len, reverse=True))
        return re.sub(rf"(?<![\w-])(?:{words})(?![\w-])", lambda each: self._stands_for[each[0]], text)

    def type(self, text: str, *, where: str = "") -> Done:
        """Type a command on the controller, or on a server."""
        return self.terminal.type(text, path=self.root / "hosts" / where / "bin" if where else None)

    def play(self, playbook: str, *arguments: str) -> Done:
        """Run what no document says, and what must end well."""
        done = self.type(" ".join(["ansible-playbook -i inventory", f"playbooks/{playbook}.yml", *arguments]))
        assert done.rc == 0, done.out
        return done

    def at(self, moment: str) -> None:
        """Let it be that moment."""
        self.clock.set(moment)
        known = {name: self.institution.env[name] for name in ("LD_PRELOAD", "NO_FAKE_STAT", "FAKETIME")}
        assert self.terminal.type("export " + " ".join(f"{name}={value}" for name, value in known.items())).rc == 0

    def close(self) -> None:
        """End all that was typed, and look at the ledger that it leaves."""
        self.terminal.close()
        self.institution.close()


def _says_as_much(typed: Command, command: Command) -> bool:
    """Say whether what another document has typed shows already all that this one says of it."""
    alike = (typed.text, typed.where, typed.status) == (command.text, command.where, command.status)
    return alike and typed.document != command.document and set(typed.shown) >= set(command.shown)


def take_restic(template: Path, root: Path) -> None:
    """Give an institution in ``root`` the restic that the tests share."""
    root.mkdir(parents=True)
    shutil.copytree(template / "bin", root / "bin", symlinks=True)

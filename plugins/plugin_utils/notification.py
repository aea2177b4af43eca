# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told at the end of a run, wherever they are: one message for each kind of event.

Pure. A message goes to mail servers and chats that are not ours: it has names, folios, the first line of a cause and
the command to run next; nothing of what is backed up, and nothing that looks like a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.sizes import REVIEW
from ansible_collections.dse.backup.plugins.module_utils._core.text import readable
from ansible_collections.dse.backup.plugins.plugin_utils import folios
from ansible_collections.dse.backup.plugins.plugin_utils.screen.layout import by_hand, command

# The events, by the tags that the services of the configuration carry.
FAILURE, REVIEWED, MISSED, OVERDUE, ALL_WELL = "failure", "review", "missed", "overdue", "all_well"

# A message is for reading on a telephone; the ledger has all of it.
_ROWS = 10
_ROWS_OF_A_SECTION = 5
_LONGEST_LINE = 240
_LONGEST_CAUSE = 280

# In records it stands as the two characters that `readable` makes of it.
_LINE_END = re.compile(r"\\[nr]|[\n\r]")
# What servers and programs say in an error may name a URL with its password, a user with his, or an option with one.
# A repository on another host is no password: sftp:user@host:/path.
_AT_A_HOST = re.compile(r"(?<=://)\S*@(?=\S)|(?<![\w/.@-])(?!sftp:|rclone:)[\w.%+-]+:[^\s@/]+@(?=\w)")
_ASSIGNED = re.compile(
    r"((?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key(?:[_-]id)?|contraseña|clave"
    r"|authorization)(?:[\"']?\s*[=:]\s*|\s+(?:is|es)\s+))(?:\"[^\"]*\"|'[^']*'|(?:bearer |basic )?\S+)"
    r"|(--?pass(?:word|wd|phrase)?\s+)\S+",
    re.IGNORECASE,
)
# What would call everybody in a chat room there, or hide where a link leads.
_CALLS = re.compile(r"@(?=(?:all|channel|here|everyone|room)\b)|<(?=[!@#])|\](?=\()", re.IGNORECASE)


class Message(NamedTuple):
    """What is told of one kind of event: plain text, ``title`` on one line."""

    event: str
    title: str
    body: str


class News(NamedTuple):
    """What a run leaves to be told.

    ``records`` are those that it wrote; ``unseen`` says why which repository could not be looked at; ``pending`` are
    the lines of what waits for somebody, as reconcile.yml shows them. ``problem`` is why nothing was done or, where it
    ``is_unrecorded``, why it cannot be recorded. A run with --limit (``is_partial``) cannot say that all is well.
    """

    playbook: str
    run_id: str
    ended_at: datetime
    status: int
    records: Sequence[dict[str, Any]] = ()
    unseen: Mapping[str, str] = MappingProxyType({})
    pending: Sequence[str] = ()
    problem: str = ""
    is_unrecorded: bool = False
    is_partial: bool = False

    @property
    def failures(self) -> list[dict[str, Any]]:
        """What failed, without what was never tried; what waits for JAA's decision is no failure yet."""
        return [each for each in self._failures() if not _is_missed(each)]

    @property
    def missed(self) -> list[dict[str, Any]]:
        """The slots that passed without a backup."""
        return [each for each in self._failures() if _is_missed(each)]

    @property
    def reviews(self) -> list[dict[str, Any]]:
        """The backups on which JAA is to decide."""
        return [each for each in self.records if each.get("verification_result") == REVIEW]

    @property
    def closed(self) -> set[str]:
        """The folios of what was closed in this very run."""
        return {each["about_folio"] for each in self.records if each["record_type"] == "closing"}

    def _failures(self) -> Iterator[dict[str, Any]]:
        of_reviews = {each["folio"] for each in self.reviews}
        for each in self.records:
            if each["record_type"] == "failure" and each.get("about_folio") not in of_reviews:
                yield each


def messages(news: News) -> list[Message]:
    """Return what is to be told, the worst first; nothing where a run went well that is no reconcile.yml."""
    found = [each for tell in (_problem, _failed, _missed, _review, _overdue) for each in tell(news)]
    if news.status and not any(each.event in (FAILURE, MISSED, REVIEWED) for each in found):
        found.append(_unexplained(news))
    return found or list(_all_well(news))


def _problem(news: News) -> Iterator[Message]:
    if news.problem:
        what = "NO SE PUEDE ESCRIBIR EL REGISTRO OFICIAL" if news.is_unrecorded else f"{news.playbook}.yml NO HIZO NADA"
        said = _said(" ".join(_LINE_END.sub(" ", news.problem).split()), 2 * _LONGEST_LINE)
        lines = [f"  {said}", "", "JAA: corrija la causa y ejecute de nuevo:"]
        if news.is_unrecorded:
            lines.insert(1, "  Lo que no está asentado no cuenta como respaldado.")
        yield _message(news, FAILURE, f"Respaldos DSE: {what}", [*lines, command(news.playbook)])


def _failed(news: News) -> Iterator[Message]:
    failures, unseen = news.failures, news.unseen
    if not failures and not unseen:
        return
    lines = []
    if failures:
        lines += ["BITÁCORA DE FALLAS (FOR 7.5 DSE 05)", *_rows([_row(each, news.closed) for each in failures])]
    if unseen:
        names = [f"  {_said(server)}: {_cause(reason)}" for server, reason in unseen.items()]
        lines += [*([""] if lines else []), "REPOSITORIOS QUE NO SE PUDIERON REVISAR", *_rows(names)]
    still_open = [each for each in failures if each["folio"] not in news.closed]
    commands = [*_after_failures(still_open, news.playbook), *([command("reconcile")] if unseen else [])]
    if commands:
        lines += ["", "JAA: corrija la causa. Después:", *commands]
    count = _counted(len(failures), "falla", "fallas") if failures else "conciliación incompleta"
    yield _message(news, FAILURE, f"Respaldos DSE: {count} ({_servers([*failures, *_named(unseen)])})", lines)


def _missed(news: News) -> Iterator[Message]:
    missed = news.missed
    if not missed:
        return
    lines = ["RESPALDOS OMITIDOS (FOR 7.5 DSE 05)", *_rows([_row(each, news.closed) for each in missed])]
    items = _items(each for each in missed if each["folio"] not in news.closed)
    if items:
        lines += ["", "JAA: averigüe por qué no hubo corrida y respalde a mano (4.3.1 a):", by_hand(items)]
    # Of what never was in the inventory the item's id is its request's folio.
    if any(folios.parse(each["item_id"]) for each in missed):
        lines += ["", "JAA: lo que lleva el folio de su solicitud no está en el inventario: agréguelo, o cancele con:"]
        lines.append(command("request", request_folio="FOLIO", request_decision="cancelled", request_reason="MOTIVO"))
    count = _counted(len(missed), "respaldo omitido", "respaldos omitidos")
    yield _message(news, MISSED, f"Respaldos DSE: {count} ({_servers(missed)})", lines)


def _review(news: News) -> Iterator[Message]:
    reviews = news.reviews
    if not reviews:
        return
    rows = [_line(each, _cause(each.get("remarks") or "sin explicación")) for each in reviews]
    said = {"accept_folio": reviews[0]["folio"], "accept_decision": "DICTAMEN", "accept_reason": "MOTIVO"}
    lines = ["EN REVISIÓN", *_rows(rows), "", "JAA: averigüe si el cambio es real y dictamine (accepted o rejected):"]
    count = _counted(len(reviews), "respaldo espera", "respaldos esperan")
    title = f"Respaldos DSE: {count} el dictamen de JAA ({_servers(reviews)})"
    yield _message(news, REVIEWED, title, [*lines, command("accept", **said)])


def _overdue(news: News) -> Iterator[Message]:
    if not news.pending:
        return
    count = sum(line.startswith("  ") for line in news.pending)
    lines = [*_shortened(news.pending), "", "Todo, en una página, con la orden que corresponde a cada cosa:"]
    title = f"Respaldos DSE: {_counted(count, 'pendiente', 'pendientes')}"
    yield _message(news, OVERDUE, title, [*lines, command("report", report_output="respaldos.html")])


def _all_well(news: News) -> Iterator[Message]:
    if news.playbook == "reconcile" and not news.status and not news.is_partial:
        said = "Sin fallas y sin pendientes: nada que hacer. Si un día no llega este aviso, revise el controlador."
        yield _message(news, ALL_WELL, "Respaldos DSE: TODO AL DÍA", [said])


def _unexplained(news: News) -> Message:
    said = f"La corrida terminó con estado {news.status} y no dejó ninguna falla nueva: lea lo que imprimió y ejecute:"
    title = f"Respaldos DSE: {news.playbook}.yml no terminó bien"
    return _message(news, FAILURE, title, [said, command(news.playbook)])


def _message(news: News, event: str, title: str, lines: list[str]) -> Message:
    of_run = f" · corrida {news.run_id}" if news.run_id else ""
    heading = f"{news.playbook}.yml · {news.ended_at:%d/%m/%Y %H:%M}{of_run}"
    return Message(event, readable(title, _LONGEST_LINE), "\n".join([heading, "", *lines, ""]))


def _after_failures(failures: list[dict[str, Any]], playbook: str) -> list[str]:
    """Return the commands by which what failed is made up for, one for each stage."""
    of_stages: dict[str, list[dict[str, Any]]] = {}
    for each in failures:
        stage = each.get("failure_stage", "backup")
        of_stages.setdefault("backup" if stage == "verification" else stage, []).append(each)
    return [_COMMANDS[stage](several, playbook) for stage, several in of_stages.items() if stage in _COMMANDS]


def _repair(failures: list[dict[str, Any]], playbook: str) -> str:
    # What failed may be the pruning or the repair itself.
    servers = ",".join(sorted({each["server"] for each in failures}))
    return command(playbook if playbook in ("prune", "repair") else "repair", "--limit", servers)


def _restore(failures: list[dict[str, Any]], playbook: str) -> str:
    items = _items(failures)
    return command("drill", drill_items=items) if playbook == "drill" else command("list", list_item=items[0])


_COMMANDS: dict[str, Callable[[list[dict[str, Any]], str], str]] = {
    "backup": lambda failures, _playbook: by_hand(each["item_id"] for each in failures),
    "csc_delivery": lambda _failures, _playbook: command("deliver"),
    "jaa_copy": _repair,
    "restore": _restore,
    "loan": lambda _failures, _playbook: command("loan"),
}


def _items(records: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({each["item_id"] for each in records if not folios.parse(each["item_id"])})


def _is_missed(failure: dict[str, Any]) -> bool:
    # A server that was busy with another run was not run either: that one belongs to a run.
    return failure.get("failure_type") == "not_run" and not failure.get("run_id")


def _row(failure: dict[str, Any], closed: set[str]) -> str:
    done = " (ya cerrada, con evidencia)" if failure["folio"] in closed else ""
    return _line(failure, _cause(failure["error_message"]) + done)


def _line(record: dict[str, Any], what: str) -> str:
    where = dict.fromkeys([record["server"], record["item_id"]])  # Of a whole repository both are the server.
    return f"  {record['folio']} · {' · '.join(map(_said, where))}: {what}"


def _rows(lines: list[str]) -> list[str]:
    more = len(lines) - _ROWS
    return [*lines[:_ROWS], f"  … y {more} más"] if more > 0 else lines


def _shortened(lines: Sequence[str]) -> list[str]:
    """Return lines under headings, of each heading so many that all of them are read."""
    found: list[str] = []
    rows = 0
    for line, after in zip(lines, [*lines[1:], ""]):
        rows = rows + 1 if line.startswith("  ") else 0
        if rows <= _ROWS_OF_A_SECTION:
            found.append("  " + _said(line.strip(), _LONGEST_LINE) if rows else line)
        elif not after.startswith("  "):
            found.append(f"  … y {rows - _ROWS_OF_A_SECTION} más")
    return found[1:] if found[0] == "" else found


def _servers(records: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(_said(each["server"]) for each in records))
    return ", ".join(names[:3]) + (f" y {len(names) - 3} más" if len(names) > 3 else "")


def _named(servers: Iterable[str]) -> list[dict[str, Any]]:
    return [{"server": each} for each in servers]


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _cause(text: str) -> str:
    return _said(_LINE_END.split(text.strip(), maxsplit=1)[0], _LONGEST_CAUSE)


def _said(text: str, limit: int = 80) -> str:
    """Return what others named or said, as it may leave the house."""
    return readable(_CALLS.sub(lambda match: f"{match[0]} ", without_secrets(str(text))), limit)


def without_secrets(text: str) -> str:
    """Return ``text`` without what looks like a password in it.

    >>> without_secrets("rest:https://ana:s3creto@host/ no responde")
    'rest:https://***@host/ no responde'
    """
    return _ASSIGNED.sub(lambda match: f"{match[1] or match[2]}***", _AT_A_HOST.sub("***@", text))

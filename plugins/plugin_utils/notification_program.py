# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that sends messages, one thread a service: a service that hangs holds nobody up but itself.

Reads ``{"file": Apprise's configuration, "messages": [{"event", "title", "body"}]}`` and writes a line of JSON for each
thing that its reader, who may be gone by then, should know: ``{"fault": words}``, ``{"services": names}``,
``{"done": name, "delivered": bool}``. A service is named by its kind and its place in the file: its address may be its
password. Imports nothing of the collection, which a Python without Ansible would not find.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

_KINDS = {"failure": "failure", "missed": "failure", "review": "warning", "overdue": "warning", "all_well": "success"}
# Seconds after which it ends, whatever is left: a mail server that thinks for long is no reason to lose a message.
_PATIENCE = 90


class _Counter(logging.Handler):
    """Counts what Apprise complains of, and lets none of it out: its words may have an address in them."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.levelno >= logging.WARNING


def main() -> None:
    signal.alarm(_PATIENCE)
    request = json.load(sys.stdin)
    try:
        import apprise  # noqa: PLC0415 (it may be missing)
    except ImportError:
        _tell(fault="falta la biblioteca apprise, con la que se envían los avisos: pip install apprise")
        return
    log = logging.getLogger("apprise")
    complaints = _Counter()
    log.addHandler(complaints)
    log.propagate = False
    # No picture of Apprise's own site in anybody's mail.
    asset = apprise.AppriseAsset(
        app_id="dse.backup", app_desc="Respaldos DSE", app_url="", image_url_mask="", image_url_logo=""
    )
    every = apprise.Apprise(asset=asset)
    config = apprise.AppriseConfig(asset=asset)
    config.add(request["file"])
    every.add(config)
    services = list(every.find())
    names = {id(service): f"{service.service_name!s} ({number})" for number, service in enumerate(services, 1)}
    if not services:
        _tell(fault="no nombra ningún servicio al cual avisar")
    elif complaints.count:
        _tell(fault="hay en él algo que Apprise no entiende")
    wanted = {event: {id(service) for service in every.find(tag=event, match_always=False)} for event in _KINDS}
    for service in services:
        for fault in _faults_of_tags(service, any(id(service) in of_event for of_event in wanted.values())):
            _tell(fault=f"{names[id(service)]}: {fault}")
    work = []
    for service in services:
        mine = [each for each in request["messages"] if id(service) in wanted[each["event"]]]
        if mine:
            work.append((service, mine))
    _tell(services=[names[id(service)] for service, _messages in work])

    def deliver(service: Any, messages: list[dict[str, str]]) -> None:
        alone = apprise.Apprise(asset=asset)
        alone.add(service)
        sent = [
            alone.notify(
                body=each["body"],
                title=each["title"],
                notify_type=_KINDS[each["event"]],
                body_format=apprise.NotifyFormat.TEXT,
            )
            for each in messages
        ]
        _tell(done=names[id(service)], delivered=all(sent))

    with ThreadPoolExecutor(max_workers=max(1, len(work))) as threads:
        for service, messages in work:
            threads.submit(deliver, service, messages)


def _faults_of_tags(service: Any, is_told: bool) -> list[str]:
    tags = {str(tag) for tag in service.tags} - {*_KINDS}
    near = [(tag, difflib.get_close_matches(tag, _KINDS, n=1, cutoff=0.8)) for tag in sorted(tags)]
    faults = [f"«{tag}» no es una etiqueta; ¿quiso decir {close[0]}?" for tag, close in near if close]
    if not is_told and not faults:
        faults.append(f"no lleva ninguna etiqueta de {', '.join(_KINDS)}: nunca se le avisa")
    return faults


def _tell(**what: Any) -> None:
    # Whoever reads it may have waited for long enough: the messages are sent all the same.
    with suppress(BrokenPipeError):
        # One write a line, so that threads do not mix theirs.
        os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()

# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when a run is over and recorded: its metrics are written, and whoever wants to know is told.

Nothing of it changes how the run ended: whatever goes wrong here is a warning on the screen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from ansible_collections.dse.backup.plugins.plugin_utils import (
    metrics,
    metrics_file,
    notification,
    notification_sending,
)
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.dse.backup.plugins.plugin_utils.notification import News
from ansible_collections.dse.backup.plugins.plugin_utils.run import Run
from ansible_collections.dse.backup.plugins.plugin_utils.screen import reconcile

_WAIT, _LONGEST_WAIT = 20, 600


class Options(NamedTuple):
    """The callback's own, as they were given: Apprise's configuration, seconds to wait for it, the metrics' file."""

    notify: str | None
    notify_wait: str
    metrics: str | None


class Ended(NamedTuple):
    """How a run ended. ``problem`` is why nothing can be recorded, ``is_partial`` whether --limit left servers out."""

    playbook: str
    status: int
    problem: str = ""
    is_partial: bool = False


def tell(run: Run | None, ended: Ended, options: Options) -> Iterator[str]:
    """Tell how ``run`` (None: it never was one) ended; yield in words what went wrong with that, and raise nothing."""
    works = {"no se escribieron las métricas": _measure, "no se enviaron los avisos": _notify}
    wanted = (options.metrics, options.notify)
    for (failed, work), is_wanted in zip(works.items(), wanted):
        try:
            if is_wanted and (news := news_of(run, ended)):
                yield from work(run, news, options)
        except Exception as error:  # Of any kind: the run is over, and went as it went.
            yield f"{failed}: {error!r}"


def news_of(run: Run | None, ended: Ended) -> News | None:
    """Return what there is to tell of a run; None of a rehearsal. See `Run.news`."""
    if run is None:
        now = datetime.now().astimezone()
        return News(ended.playbook, "", now, ended.status, problem=ended.problem, is_unrecorded=True)
    news = run.news(ended.playbook, ended.status, ended.problem)
    return news._replace(is_partial=ended.is_partial) if news else None


def _measure(run: Run | None, news: News, options: Options) -> Iterator[str]:
    of_ledger = None
    if run and not news.is_unrecorded:
        try:
            with run.ledger.read() as index:
                of_ledger = metrics.of_ledger(index, run.ledger.procedure, news.ended_at)
        except LedgerError as error:  # How the run ended is told all the same.
            yield str(error)
    # What was done to some servers says nothing of the rest.
    of_run = [] if news.is_partial else metrics.of_run(news.playbook, news.ended_at, news.status)
    fault = metrics_file.write(os.path.abspath(os.path.expanduser(options.metrics)), of_run, of_ledger)
    if fault:
        yield fault


def _notify(run: Run | None, news: News, options: Options) -> Iterator[str]:
    if run and news.playbook == "reconcile" and not news.problem:
        told = {each["folio"] for each in (*news.failures, *news.missed)}
        with run.ledger.read() as index:
            news = news._replace(pending=reconcile.pending(index, run.ledger.procedure, news.ended_at.date(), told))
    messages = notification.messages(news)
    if messages:
        wait = _seconds(options.notify_wait)
        if wait is None:
            yield f"notify_wait: «{options.notify_wait}» no es de 0 a {_LONGEST_WAIT} segundos; se espera {_WAIT}"
        yield from notification_sending.send(messages, options.notify, _WAIT if wait is None else wait)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None

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
from ansible_collections.dse.backup.plugins.plugin_utils.notification import News
from ansible_collections.dse.backup.plugins.plugin_utils.run import Run
from ansible_collections.dse.backup.plugins.plugin_utils.screen import reconcile


class Options(NamedTuple):
    """The callback's own: Apprise's configuration and the seconds to wait for it, the file of metrics."""

    notify: str
    notify_wait: float
    metrics: str


def tell(run: Run | None, news: News, options: Options) -> Iterator[str]:
    """Tell ``news`` of a ``run`` (None: it never was one); yield in words what went wrong, raise nothing."""
    works = [*([_measure] if options.metrics else []), *([_notify] if options.notify else [])]
    for work in works:
        try:
            yield from work(run, news, options)
        except Exception as error:  # Of any kind: the run is over, and went as it went.
            yield f"{'no se enviaron los avisos' if work is _notify else 'no se escribieron las métricas'}: {error!r}"


def news_of(run: Run | None, playbook: str, status: int, problem: str, *, is_partial: bool) -> News | None:
    """Return what there is to tell of a run of ``playbook``; None of a rehearsal. See `Run.news`."""
    if run is None:
        return News(playbook, "", datetime.now().astimezone(), status, problem=problem, is_unrecorded=True)
    news = run.news(playbook, status, problem)
    return news._replace(is_partial=is_partial) if news else None


def _measure(run: Run | None, news: News, options: Options) -> Iterator[str]:
    of_ledger = None
    if run and not news.is_unrecorded:
        with run.ledger.read() as index:
            of_ledger = metrics.of_ledger(index, run.ledger.procedure, news.ended_at)
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
        yield from notification_sending.send(messages, options.notify, options.notify_wait)

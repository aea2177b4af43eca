# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import metrics, telling
from ansible_collections.dse.backup.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.dse.backup.plugins.plugin_utils.run import Run
from ansible_collections.dse.backup.plugins.plugin_utils.telling import Ended, Options, news_of, tell

ENDED = Ended("backup", 2)


@pytest.fixture
def run(ledger):
    run = Run(ledger, "R1", writes=True)
    run.open()
    return run


def plan(**more):
    return {"job": "backup", "planned": [], "waiting": [], "absent": [], "refused": [], "context": {}, **more}


@pytest.fixture
def sent(monkeypatch):
    """What is handed over to be sent, by title."""
    titles = []

    def send(messages, _file, _wait):
        titles.extend(message.title for message in messages)
        return ["un servicio no contestó"]

    monkeypatch.setattr(telling.notification_sending, "send", send)
    return titles


def test_a_rehearsal_and_a_preview_have_no_news(ledger, run):
    rehearsal = Run(ledger, "R2", writes=False)
    list(rehearsal.take(plan()))
    list(run.take(plan(is_preview=True)))
    assert news_of(rehearsal, Ended("backup", 2)) is None
    assert news_of(run, Ended("restore", 0)) is None


def test_a_run_without_a_plan_says_why(run):
    assert "no llegó a su plan" in news_of(run, ENDED).problem
    run.lost("srv-web01", "no se hizo nada: operator_role")
    news = news_of(run, Ended("backup", 2, is_partial=True))
    assert (news.problem, news.is_unrecorded, news.is_partial) == ("no se hizo nada: operator_role", False, True)


def test_without_a_run_at_all_it_is_told_too(tmp_path, sent):
    ended, path = Ended("backup", 3, "el procedimiento no se entiende"), tmp_path / "dse.prom"
    assert list(tell(None, ended, Options("notify.yml", "20", str(path)))) == ["un servicio no contestó"]
    assert sent == ["Respaldos DSE: NO SE PUEDE ESCRIBIR EL REGISTRO OFICIAL"]
    assert 'dse_backup_run_exit_status{playbook="backup"} 3.0' in path.read_text("utf-8")


def test_nobody_is_told_where_nobody_wants_to_know(run, sent):
    assert list(tell(run, ENDED, Options("", "20", None))) == []
    assert sent == []


@pytest.mark.parametrize(
    ("where", "error", "said"),
    [
        ((metrics, "of_ledger"), RuntimeError("raro"), "no se escribieron las métricas: RuntimeError('raro')"),
        ((Ledger, "read"), LedgerError("no se puede leer"), "no se puede leer"),
        ((Run, "news"), OSError(5, "raro"), "no se escribieron las métricas: OSError(5, 'raro')"),
    ],
)
def test_whatever_goes_wrong_is_a_warning_and_the_rest_goes_on(run, sent, tmp_path, monkeypatch, where, error, said):
    def fail(*_arguments):
        raise error

    list(run.take(plan()))
    monkeypatch.setattr(*where, fail)
    path = tmp_path / "dse.prom"
    warnings = list(tell(run, ENDED, Options("notify.yml", "20", str(path))))
    if where[1] == "news":
        assert warnings == [said, "no se enviaron los avisos: OSError(5, 'raro')"]
        return
    assert warnings == [said, "un servicio no contestó"]
    assert sent == ["Respaldos DSE: backup.yml no terminó bien"]
    assert path.exists() == isinstance(error, LedgerError)


def test_what_some_servers_did_is_not_how_the_playbook_ended(run, tmp_path):
    list(run.take(plan()))
    path = tmp_path / "dse.prom"
    assert list(tell(run, Ended("backup", 0, is_partial=True), Options("", "20", str(path)))) == []
    text = path.read_text("utf-8")
    assert "dse_backup_run" not in text and "dse_backup_ledger_size_bytes" in text


@pytest.mark.parametrize("wait", ["veinte", "", "-1", "nan", "inf", "1e9"])
def test_a_wait_that_is_none_is_no_reason_to_tell_nobody(run, sent, wait):
    list(run.take(plan()))
    warnings = list(tell(run, ENDED, Options("notify.yml", wait, None)))
    assert warnings == [f"notify_wait: «{wait}» no es de 0 a 600 segundos; se espera 20", "un servicio no contestó"]
    assert len(sent) == 1

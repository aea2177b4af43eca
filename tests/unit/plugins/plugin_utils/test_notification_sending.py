# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that are sent for real, by the program of its own and Apprise, to receivers on this machine."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.dse.backup.plugins.plugin_utils import notification_sending
from ansible_collections.dse.backup.plugins.plugin_utils.notification import Message
from ansible_collections.dse.backup.plugins.plugin_utils.notification_sending import send
from ansible_collections.dse.backup.tests.unit.receivers import Mail, Mute, Web, configuration, free_port

CHECKOUT = Path(__file__).parents[4]
FAILURE = Message(
    "failure", "Respaldos DSE: 1 falla (srv-web01)", "portal-src: disco lleno, ñandú\n  DSE-05-2026-0031\n"
)
ALL_WELL = Message("all_well", "Respaldos DSE: TODO AL DÍA", "Sin fallas.\n")
TOKEN = "3ccdd113474722377935511fc85d3dd4"


@pytest.fixture
def web():
    with Web(200) as web:
        yield web


def test_mail_chat_webhook_and_healthchecks_are_told_of_what_their_tags_name(tmp_path, web):
    with Mail() as mail:
        file = configuration(
            tmp_path / "notify.yml",
            (f"mailto://{mail.address}?from=respaldos@dse.example&to=jaa@dse.example&mode=insecure", "failure"),
            (f"mmost://{web.address}/{TOKEN}", "failure, review"),
            (f"json://{web.address}/webhook", "failure, missed, review, overdue, all_well"),
            (f"form://{web.address}/ping/7f3a", "all_well"),
            (f"form://{web.address}/ping/7f3a/fail", "failure, missed"),
        )
        assert send([FAILURE], file, 20) == []
        assert [each.path for each in web.requests if "ping" in each.path] == ["/ping/7f3a/fail"]
        assert send([ALL_WELL], file, 20) == []
    ((sender, receivers, letter),) = mail.envelopes
    assert (sender, receivers, letter["Subject"]) == ("respaldos@dse.example", ["jaa@dse.example"], FAILURE.title)
    assert letter.get_content().replace("\r\n", "\n").strip() == FAILURE.body.strip()
    (post,) = web.at(f"/hooks/{TOKEN}")
    assert FAILURE.title in post.json["text"] and "disco lleno, ñandú" in post.json["text"]
    hooks = web.at("/webhook")
    assert [(each.json["title"], each.json["type"]) for each in hooks] == [
        (FAILURE.title, "failure"),
        (ALL_WELL.title, "success"),
    ]
    (ping,) = web.at("/ping/7f3a")
    assert (ping.method, ping.form["title"]) == ("POST", ALL_WELL.title)
    assert "http" not in str([each.json for each in hooks]), "nothing points to somebody else's site"


def test_a_mail_takes_no_header_from_a_title(tmp_path):
    hostile = Message("failure", "uno\r\nBcc: mal@mal.example\r\n\r\n<b>otro", "cuerpo\r\n.\r\nQUIT\r\n")
    with Mail() as mail:
        url = f"mailto://{mail.address}?from=respaldos@dse.example&to=jaa@dse.example&mode=insecure"
        assert send([hostile], configuration(tmp_path / "notify.yml", (url, "failure")), 20) == []
    ((_sender, receivers, letter),) = mail.envelopes
    assert receivers == ["jaa@dse.example"] and letter["Bcc"] is None and "QUIT" in letter.get_content()


def test_who_does_not_answer_or_says_no_holds_nobody_up_and_is_named_without_its_address(tmp_path, web):
    with Mute() as silent, Web(500) as broken:
        file = configuration(
            tmp_path / "notify.yml",
            (f"json://ana:clave-7f3a@{silent.address}/secreto-1?rto=60", "failure"),
            (f"json://{broken.address}/secreto-2", "failure"),
            (f"mmost://127.0.0.1:{free_port()}/{TOKEN}", "failure"),
            (f"json://{web.address}/webhook", "failure"),
        )
        (warning,) = send([FAILURE, FAILURE], file, 8)
        assert silent.is_waited_for(), "the run waits no longer, the message may still arrive"
    assert len(web.at("/webhook")) == 2
    assert "no recibieron su aviso: JSON (1), JSON (2), Mattermost (3)" in warning
    assert "no terminó de avisar en 8 s" in warning
    assert not [each for each in ("clave-7f3a", "secreto", TOKEN, silent.address) if each in warning]


def test_a_message_for_which_nobody_waits_is_sent_all_the_same(tmp_path, web):
    file = configuration(tmp_path / "notify.yml", (f"json://{web.address}/webhook", "failure"))
    (warning,) = send([FAILURE], file, 0)
    assert "no terminó de avisar en 0 s" in warning
    deadline = time.monotonic() + 60
    while not web.requests:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_file_that_others_can_read_is_not_used(tmp_path, web):
    file = configuration(tmp_path / "notify.yml", (f"json://{web.address}/webhook", "failure"), mode=0o640)
    (warning,) = send([FAILURE], file, 20)
    assert "sólo debe poder leerlo su dueño: chmod 600" in warning and web.requests == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("", "no nombra ningún servicio al cual avisar"),
        ("nada de esto: [es", "no nombra ningún servicio al cual avisar"),
        ("urls:\n  - json://127.0.0.1:1/x:\n      tag: falure\n", "«falure» no es una etiqueta; ¿quiso decir failure?"),
        ("urls:\n  - json://127.0.0.1:1/x:\n      tag: otra\n", "JSON (1): no lleva ninguna etiqueta de failure"),
        ("urls:\n  - nadie://x\n  - json://127.0.0.1:1/x:\n      tag: review\n", "algo que Apprise no entiende"),
    ],
)
def test_a_configuration_that_tells_nobody_is_said_to(tmp_path, content, said):
    file = tmp_path / "notify.yml"
    if content is not None:
        file.write_text(content, "utf-8")
        file.chmod(0o600)
    (warning,) = send([FAILURE], str(file), 20)
    assert said in warning and str(file) in warning


def test_the_example_is_one(tmp_path):
    file = tmp_path / "notify.yml"
    shutil.copyfile(CHECKOUT / "docs" / "notify.example.yml", file)
    file.chmod(0o600)
    assert send([], str(file), 20) == []


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    file = configuration(tmp_path / "notify.yml", ("json://127.0.0.1:1/x", "failure"))
    # Python itself, without what was installed for it.
    real = subprocess.Popen
    monkeypatch.setattr(
        notification_sending.subprocess,
        "Popen",
        lambda command, **options: real([command[0], "-I", "-S", *command[1:]], **options),
    )
    (warning,) = send([FAILURE], file, 20)
    assert "pip install apprise" in warning

# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever is told how a run ended, for real and on this machine: a web server, a mail server, and those that fail."""

from __future__ import annotations

import email
import email.policy
import json
import socket
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller


class Request(NamedTuple):
    """What came over HTTP: ``form`` where it was one, ``json`` where it was that."""

    method: str
    path: str
    form: dict[str, str]
    json: dict[str, Any]


class Web:
    """A web server that takes whatever comes: a webhook, a chat's, a healthcheck. It answers with ``status``."""

    def __init__(self, status: int) -> None:
        self.requests: list[Request] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                is_json = "json" in self.headers["Content-Type"]
                form = {} if is_json else {key: values[0] for key, values in parse_qs(body).items()}
                web.requests.append(Request(self.command, self.path, form, json.loads(body) if is_json else {}))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Web:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, path: str) -> list[Request]:
        """Return what came to one address."""
        return [each for each in self.requests if each.path.partition("?")[0] == path]


class Mail:
    """A mail server; ``envelopes`` are those that it took: (from, to, message)."""

    def __init__(self) -> None:
        self.envelopes: list[tuple[str, list[str], EmailMessage]] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.address = f"127.0.0.1:{self._controller.port}"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos, message))
        return "250 OK"

    def __enter__(self) -> Mail:
        self._controller.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._controller.stop()


class Mute:
    """Somebody who picks up and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def is_waited_for(self) -> bool:
        """Tell whether whoever called, or calls now, is still on the line."""
        self._socket.settimeout(60)
        caller, _address = self._socket.accept()
        with caller:
            caller.settimeout(0.5)
            try:
                while caller.recv(65536):
                    pass
            except TimeoutError:
                return True
        return False

    def __enter__(self) -> Mute:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._socket.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def configuration(path: Path, *services: tuple[str, str], mode: int = 0o600) -> str:
    """Write a configuration of Apprise of (URL, tags) and return its path."""
    lines = ["urls:"]
    for url, tags in services:
        lines += [f"  - {json.dumps(url)}:", f"      tag: {json.dumps(tags)}"]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path.chmod(mode)
    return str(path)

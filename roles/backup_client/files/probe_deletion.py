#!/usr/bin/python3
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the way in to delete something, as a hostile client would, and print the HTTP status it answers.

    probe_deletion.py ssh -F /etc/dse-backup/ssh/config backup-server rclone serve restic --stdio /srv/...

restic talks to the way in as HTTP/2 over the standard input and output of one process. This does the same with the
little of that protocol that one DELETE needs, because restic itself can only try to delete what exists: a proof by
`restic forget` would need a snapshot made for it, and would take fifteen seconds of retries on every deployment.

The object asked for does not exist, so that nothing is lost when the way in is *not* append-only. An append-only one
refuses before it looks (403); any other one looks, and does not find it (404).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from typing import BinaryIO

TIMEOUT_SECONDS = 60

# A snapshot: what a hostile client wants gone most. Sixty-four hexadecimal digits; nothing hashes to all zeros.
PATH = b"/snapshots/" + b"0" * 64

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, GOAWAY = 1, 4, 7
END_STREAM = 0x1
END_HEADERS = 0x4

# The entries of HPACK's static table (RFC 7541, appendix A) named ":status". Any of them may lend its name to a value.
STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame: length (3 bytes), kind, flags, stream (4 bytes), payload."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header as HPACK's plainest form: not indexed, not compressed; both parts shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request() -> bytes:
    """Everything that is sent: the preface, our (default) settings, and one DELETE as stream 1."""
    headers = (
        literal(b":method", b"DELETE")
        + literal(b":scheme", b"http")
        + literal(b":authority", b"localhost")
        + literal(b":path", PATH)
    )
    return PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS | END_STREAM, 1, headers)


def status_of(block: bytes) -> int | None:
    """The status with which a block of response headers begins; None when it is written in a way not known here.

    >>> status_of(b"\\x8d"), status_of(b"\\x4e\\x03403")
    (404, 403)
    """
    while block and block[0] & 0xE0 == 0x20:  # an update of the table's size may stand before it
        block = block[1:]
    if not block:
        return None
    if block[0] & 0x80:
        return STATIC_STATUS.get(block[0] & 0x7F)
    index = block[0] & (0x3F if block[0] & 0x40 else 0x0F)
    if index in STATIC_STATUS and block[1:2] == b"\x03":  # three characters, not Huffman-coded
        return int(block[2:5])
    return None


def answer(output: BinaryIO) -> int | None:
    """Read frames until the response's headers have come, or the other side has nothing more to say."""
    while True:
        head = output.read(9)
        if len(head) < 9:
            return None
        length, kind, stream = int.from_bytes(head[:3], "big"), head[3], int.from_bytes(head[5:], "big")
        if length > 1 << 20:  # not HTTP/2: the first bytes of a message or of a shell's prompt
            return None
        payload = output.read(length)
        if kind == GOAWAY:
            return None
        if kind == HEADERS and stream == 1:
            return status_of(payload)


def main(command: list[str]) -> int:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    killer.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(request())
            process.stdin.flush()
        status = answer(process.stdout)
        _rest, stderr = process.communicate()  # closing its input ends rclone
    finally:
        killer.cancel()
    print(json.dumps({"status": status, "stderr": stderr.decode(errors="backslashreplace")[-2000:]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

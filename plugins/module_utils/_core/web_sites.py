# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directories a web server serves, and as whose sites: read from the configurations of nginx and Apache.

The web server itself is not asked: it may be stopped, and asking it would run it as root. What a configuration builds
from variables is known up to the directory before the first of them.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

# Nobody's configuration is larger; one that includes itself has an end all the same.
_FILES = 2000
_DEPTH = 10
_BYTES = 4 * 1024 * 1024
# A word of nginx: quoted or bare, a mark by itself, or a comment, which is none of these.
_NGINX = re.compile(
    r"""\#[^\n]*|(?P<mark>[;{}])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|"""
    r"""(?P<bare>(?:\\.|\$\{[^}]*\}|[^\s;{}\\])+)""",
    re.DOTALL,
)
_APACHE = re.compile(r'"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>\S+)')
_VARIABLE = re.compile(r"[$%]")
# nginx's own directory for what is not absolute.
_NGINX_PREFIX = "/usr/share/nginx"


@dataclass
class Site:
    """One site: its names (a site by default has none) and the directories that it serves, as they are written."""

    names: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)


class Configuration:
    """The configuration of a web server from its main file on: its ``sites``, and the ``files`` it consists of."""

    def __init__(self, main: str) -> None:
        self._base = os.path.dirname(main)
        self.sites: list[Site] = [Site()]
        self.files: list[str] = []

    def _included(self, pattern: str, depth: int) -> Iterator[tuple[str, str]]:
        """Yield each file that an inclusion means, with its text; what cannot be read has no say."""
        if depth > _DEPTH:
            return
        path = os.path.join(self._base, pattern)
        for file in sorted(glob.iglob(os.path.join(path, "*") if os.path.isdir(path) else path)):
            if len(self.files) >= _FILES:
                return
            try:
                text = _text(file)
            except OSError:
                continue
            self.files.append(file)
            yield file, text


class Nginx(Configuration):
    """The configuration of nginx."""

    def __init__(self, main: str) -> None:
        super().__init__(main)
        self._read(main, self.sites[0], 0)

    def _read(self, pattern: str, outer: Site, depth: int) -> None:
        for _file, text in self._included(pattern, depth):
            inside = [outer]
            words: list[str] = []
            for match in _NGINX.finditer(text):
                if match["mark"] == ";":
                    self._directive(words, inside[-1], depth)
                    words = []
                elif match["mark"] == "{":
                    if words[:1] == ["server"]:
                        self.sites.append(Site())
                        inside.append(self.sites[-1])
                    else:
                        inside.append(inside[-1])
                    words = []
                elif match["mark"] == "}":
                    del inside[max(1, len(inside) - 1) :]
                    words = []
                elif match.lastgroup:
                    words.append(re.sub(r"\\(.)", r"\1", match[match.lastgroup], flags=re.DOTALL))

    def _directive(self, words: list[str], site: Site, depth: int) -> None:
        if len(words) < 2:
            return
        if words[0] == "include":
            self._read(words[1], site, depth + 1)
        elif words[0] == "server_name":
            site.names += [name for name in words[1:] if name not in ("_", "")]
        elif words[0] in ("root", "alias"):
            site.roots.append(_fixed_part(os.path.join(_NGINX_PREFIX, words[1])))


class Apache(Configuration):
    """The configuration of Apache. What it makes depend on a condition counts as if the condition held."""

    def __init__(self, main: str) -> None:
        super().__init__(main)
        self._site = self.sites[0]
        self._values: dict[str, str] = {}
        self._read(main, 0)

    def _read(self, pattern: str, depth: int) -> None:
        for _file, text in self._included(pattern, depth):
            for line in text.replace("\\\n", " ").split("\n"):
                words = [match[match.lastgroup] for match in _APACHE.finditer(line.strip())]
                if words:
                    self._directive(words[0].lower(), [self._valued(word) for word in words[1:]], depth)

    def _directive(self, name: str, values: list[str], depth: int) -> None:
        if name == "<virtualhost":
            self.sites.append(Site())
            self._site = self.sites[-1]
        elif name == "</virtualhost>":
            self._site = self.sites[0]
        elif not values:
            return
        elif name in ("include", "includeoptional"):
            self._read(values[0], depth + 1)
        elif name == "serverroot":
            self._base = values[0]
        elif name == "define" and len(values) > 1:
            self._values[values[0]] = values[1]
        elif name == "servername":
            self._site.names.append(re.sub(r"^\w+://|:\d+$", "", values[0]))
        elif name in ("documentroot", "virtualdocumentroot"):
            self._site.roots.append(_fixed_part(os.path.join(self._base, values[0])))
        elif name in ("alias", "scriptalias") and len(values) > 1:
            self._site.roots.append(_fixed_part(os.path.join(self._base, values[1])))

    def _valued(self, word: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda match: self._values.get(match[1], match[0]), word)


def _fixed_part(path: str) -> str:
    """Return ``path``, or the directory before its first variable."""
    variable = _VARIABLE.search(path)
    fixed = path[: path.rindex("/", 0, variable.start()) + 1] if variable else path
    return os.path.normpath(fixed)


def _text(file: str) -> str:
    """Return the text of a file; a pipe in its place would hold us for ever."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), file)
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read(_BYTES)

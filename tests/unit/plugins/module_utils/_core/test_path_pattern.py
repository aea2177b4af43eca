# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.dse.backup.plugins.module_utils._core.path_pattern import literal, pattern
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(st.sampled_from("ab*?[]\\!^-. \nñ\udcff$"), min_size=1, max_size=5).filter(
    lambda name: name not in (".", "..")
)
PATTERNS = st.lists(st.text(st.sampled_from("ab*?[]\\!^-ñ\udcff"), min_size=1, max_size=5), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("text", "meant", "not_meant"),
    [
        ("/srv/a", ["/srv/a", "/srv/a/b/c"], ["/srv/ab", "/srv", "/x/srv/a"]),
        ("/srv/*.php", ["/srv/x.php", "/srv/x.php/y"], ["/srv/d/x.php", "/srv/x.phps"]),
        ("/srv/**/*.php", ["/srv/x.php", "/srv/d/e/x.php"], ["/etc/x.php"]),
        ("*.php", ["/x.php", "/a/b.php/c"], ["/x.phpx"]),
        ("/a/**", ["/a/b", "/a/b/c"], ["/a", "/ab"]),
        ("/a/?", ["/a/b", "/a/\udcff"], ["/a/bc", "/a"]),
        ("/a/[b-d]x", ["/a/cx"], ["/a/ax", "/a/-x"]),
        ("/a/[!b-d]x", ["/a/ax"], ["/a/cx", "/a//x"]),
        ("/a/[^b]", ["/a/c"], ["/a/b"]),
        ("/a/[]b]", ["/a/]", "/a/b"], ["/a/c"]),
        ("/a/[z-x]", ["/a/y"], ["/a/-"]),
        ("/a/[", ["/a/["], ["/a/b"]),
        ("/a/\\*", ["/a/*"], ["/a/b"]),
        ("/a.b", ["/a.b"], ["/axb"]),
        ("/", ["/a"], []),
    ],
)
def test_what_a_pattern_means(text, meant, not_meant):
    assert [path for path in [*meant, *not_meant] if pattern(text).matches(path)] == meant


@given(st.lists(NAMES, min_size=1, max_size=3), NAMES)
def test_a_literal_means_its_own_name_and_what_is_below(parts, other):
    path = "/" + "/".join(parts)
    assert literal(path).matches(path) and literal(path).matches(f"{path}/{other}")
    assert not literal(path).matches(f"{path}{other}")
    if other != parts[-1]:
        assert not literal(path).matches(os.path.join(os.path.dirname(path), other))


@given(PATTERNS, st.lists(NAMES, min_size=1, max_size=4))
def test_no_pattern_is_too_strange(parts, names):
    # Any text is a pattern, and one whose characters are all taken at their word means itself.
    text = "/" + "/".join(parts)
    path = "/" + "/".join(names)
    assert pattern(text).matches(path) in (True, False)
    assert pattern(literal(path).engine).matches(path)


def test_restic_understands_what_we_do(restic, tmp_path):
    # The engine's own selection, over many names and patterns at once, is ours.
    found = {"names": set(), "patterns": set()}

    @given(NAMES, PATTERNS)
    def collect(name, parts):
        found["names"].add(name)
        found["patterns"].add("/".join(parts))

    collect()
    top = tmp_path / "t"
    for directory in ("", "d", "d/e"):
        os.makedirs(top / directory, exist_ok=True)
        for name in found["names"]:
            if not os.path.lexists(top / directory / name):
                (top / directory / name).touch()
    snapshot = restic.backup([str(top)], host="h", tags=[]).snapshot_id
    paths = {node["path"] for node in restic.exact_nodes(snapshot) if node["type"] != "dir"}
    assert len(paths) > 50
    for start in range(0, len(found["patterns"]), 8):
        chosen = [
            pattern(f"{top}/{text}") if number % 2 else pattern(text)
            for number, text in enumerate(sorted(found["patterns"])[start : start + 8])
        ]
        expected = {path for path in paths if any(each.matches(path) for each in chosen)}
        engine = [each.engine for each in chosen]
        into = tmp_path / f"to{start}"
        into.mkdir()
        descriptor = os.open(into, os.O_RDONLY)
        restic.restore(snapshot, descriptor, include=engine)
        os.close(descriptor)
        restored = {
            os.fsdecode(os.path.join(directory, name))[len(f"{into}/content") :]
            for directory, _directories, files in os.walk(os.fsencode(into))
            for name in files
        }
        assert restored == expected, [each.text for each in chosen]

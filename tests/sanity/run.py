# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``ansible-test sanity`` on a copy of this checkout. Arguments are passed on to it.

ansible-test wants the tree at ``ansible_collections/dse/backup`` (a link does not do), keeps its virtual environments
below HOME and fetches its own pip from a site of its own. Here all of it lies below ``.cache``, and that pip comes from
where every other package comes from.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache"
# Short: ansible-test's programs name their interpreter by this path, and a first line holds 127 characters.
HOME = CACHE / "home"
TREE = CACHE / "sanity" / "ansible_collections" / "dse" / "backup"

# Stands in for pip's own bootstrap script, under the name that ansible-test looks for; the wheel lies beside it.
_GET_PIP = """\
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "pip-{version}-py3-none-any.whl"))
from pip._internal.cli.main import main

arguments = [each for each in sys.argv[1:] if each not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--no-index", "--find-links", here, *arguments]))
"""


def copy_tree() -> None:
    """Copy what git tracks or would track, as it stands, into a repository of its own."""
    listing = _run("git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    shutil.rmtree(TREE, ignore_errors=True)
    for name in sorted({*listing.split("\0")} - {""}):
        source, target = CHECKOUT / name, TREE / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    # Without it ansible-test would find the checkout's repository, in which .cache is ignored.
    _run("git", "-C", str(TREE), "init", "--quiet")


def provide_pip() -> None:
    """Put the pip that this ansible-test asks for where it looks before it downloads anything."""
    code = "from ansible_test._internal.python_requirements import get_venv_packages as packages; print(packages({}))"
    python_config = "type('Python', (), {'version': ''})()"
    version = ast.literal_eval(_run(sys.executable, "-c", code.format(python_config)))["pip"]
    cache = HOME / ".ansible" / "test" / "cache"
    if not (cache / f"pip-{version}-py3-none-any.whl").exists():
        _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={cache}", f"pip=={version}")
    script = cache / f"get_pip_{version.replace('.', '_')}.py"
    script.write_text(_GET_PIP.format(version=version), encoding="utf-8")


def pass_on_pip_settings() -> None:
    """Write this user's settings of pip (index, certificates) where the other HOME's pip reads them."""
    settings = {}
    for line in _run(sys.executable, "-m", "pip", "config", "list").splitlines():
        # global.index-url='https://...' from a file, :env:.cert='/etc/...' from the environment, which comes last.
        setting = re.fullmatch(r"(?:global|:env:)\.([a-z-]+)=(.*)", line)
        if setting:
            settings[setting[1]] = "\n    ".join(ast.literal_eval(setting[2]).split())
    path = HOME / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def working_path() -> str:
    """Return PATH without directories whose Pythons do not run (pyenv's, for versions that are not switched on)."""
    directories = [str(Path(sys.executable).parent), *os.environ["PATH"].split(":")]
    return ":".join(each for each in directories if all(map(_runs, Path(each).glob("python3.[0-9]*[0-9]"))))


def _runs(program: Path) -> bool:
    return subprocess.run([str(program), "--version"], capture_output=True, check=False).returncode == 0


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    copy_tree()
    provide_pip()
    pass_on_pip_settings()
    program = Path(sys.executable).parent / "ansible-test"
    environment = {**os.environ, "HOME": str(HOME), "PATH": working_path()}
    environment.pop("ANSIBLE_CONFIG", None)
    command = [str(program), "sanity", "--color", "no", *sys.argv[1:]]
    return subprocess.run(command, cwd=TREE, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

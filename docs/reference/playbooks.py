# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/playbooks.md: each playbook's extra-vars, from its heading, its tasks and its modules' options.

``--check``: writes nothing, and fails where the page is not what it would write. An extra-var that a heading does not
name, or that the playbook hands to no module, is an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "playbooks.md"
# What playbooks take that does not begin with their own name; operator_role is the introduction's matter.
COMMON = ("question",)

INTRODUCTION = """\
# The playbooks and their extra-vars

Written by `make reference` from the headings of the playbooks and the options of their modules: change those, not it.

`--check` and `--limit` work as everywhere in Ansible. A misspelt extra-var is refused by name before anything is done.
`operator_role` declares who acts (JAA, CGDW, CSC, DAU). Roles, modules and the callback: `make reference`, then
`.cache/reference/html/index.html`.
"""


class Argument(NamedTuple):
    """What an extra-var becomes: an option of a module, and what it is when it is not given."""

    module: str
    option: str
    default: str


def tasks(playbook: Path) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a playbook, and of the roles' files that it imports."""
    for play in yaml.safe_load(playbook.read_text("utf-8")):
        for task in play.get("tasks", []):
            yield task
            role = task.get("ansible.builtin.import_role")
            if role:
                name = role["name"].rpartition(".")[2]
                file = CHECKOUT / "roles" / name / "tasks" / f"{role['tasks_from']}.yml"
                yield from yaml.safe_load(file.read_text("utf-8"))


def arguments(playbook: Path) -> dict[str, Argument]:
    """Return what becomes of each extra-var that a playbook hands to a module of ours."""
    found: dict[str, Argument] = {}
    for task in tasks(playbook):
        for action, options in task.items():
            if action.startswith("dse.backup."):
                for option, value in (options or {}).items():
                    for name, default in re.findall(r"\b([a-z]\w+) \| default\((.*?)\)", str(value)):
                        found.setdefault(name, Argument(action.rpartition(".")[2], option, default))
    return found


def heading(playbook: Path) -> str:
    """Return the comment at the top of a playbook."""
    lines = playbook.read_text("utf-8").splitlines()[1:]
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line[2:])
    return "\n".join(comment).strip()


def options(module: str) -> dict[str, Any]:
    """Return the documented options of a module."""
    text = (CHECKOUT / "plugins" / "modules" / f"{module}.py").read_text("utf-8")
    documentation = re.search(r'^DOCUMENTATION = r"""\n(.*?)"""', text, re.MULTILINE | re.DOTALL)
    return yaml.safe_load(documentation[1])["options"]


def described(argument: Argument, names: dict[str, str]) -> str:
    """Return what an option's documentation says, as Markdown for a table, with extra-vars for names of options."""
    option = options(argument.module)[argument.option]
    texts = option["description"] if isinstance(option["description"], list) else [option["description"]]
    said = " ".join(texts)
    said = re.sub(r"\bO\((\w+)\)", lambda each: f"C({names.get(each[1], each[1])})", said)
    if option.get("choices"):
        said += " One of " + ", ".join(f"V({each})" for each in option["choices"]) + "."
    default = option.get("default") if argument.default == "omit" else yaml.safe_load(argument.default)
    # An empty answer is none.
    if default:
        values = default if isinstance(default, list) else [str(default).lower() if default is True else default]
        said += " By default " + ", ".join(f"V({each})" for each in values) + "."
    # Ansible's own markup of names and values.
    return re.sub(r"\b[CVEM]\(([^)]*)\)", r"`\1`", said).replace("|", "\\|")


def section(playbook: Path) -> str:
    """Return what the page says of one playbook."""
    own = playbook.stem
    text = heading(playbook)
    handed = {name: each for name, each in arguments(playbook).items() if name.startswith(f"{own}_") or name in COMMON}
    named = list(dict.fromkeys(re.findall(rf"\b(?:{own}_\w+|{'|'.join(COMMON)})\b", text)))
    whole = playbook.read_text("utf-8")
    faults = [f"its heading does not name {name}" for name in handed if name not in named]
    # The heading itself names each once; and it may name what is a variable of the play.
    faults += [f"it has no {name}" for name in named if name not in handed and f"{name} | default" not in whole]
    if faults:
        raise SystemExit("\n".join(f"{playbook.relative_to(CHECKOUT)}: {each}" for each in faults))
    lines = [f"## {own}.yml", "", "```text", text, "```"]
    names = {each.option: name for name, each in handed.items()}
    rows = [(name, described(handed[name], names)) for name in named if name in handed]
    if rows:
        lines += ["", "| extra-var | what it is |", "|---|---|", *(f"| `{name}` | {said} |" for name, said in rows)]
    return "\n".join(lines) + "\n"


def main() -> None:
    playbooks = sorted((CHECKOUT / "playbooks").glob("*.yml"))
    page = "\n".join([INTRODUCTION, *map(section, playbooks)])
    if "--check" not in sys.argv:
        PAGE.write_text(page, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page:
        raise SystemExit("docs/playbooks.md is not what the playbooks say: make reference")


if __name__ == "__main__":
    main()

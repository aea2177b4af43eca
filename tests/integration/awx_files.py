# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the files in ``awx/`` say, as plain data; what they leave to AWX to evaluate is `ForAwx`."""

from __future__ import annotations

from typing import Any

import jinja2
import yaml
from institution import CHECKOUT


class ForAwx(str):
    """A template that AWX's job evaluates, ``!unsafe`` for the playbook that only hands it over."""


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.add_constructor("!unsafe", lambda loader, node: ForAwx(loader.construct_scalar(node)))
_Dumper.add_representer(ForAwx, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))


def load(name: str) -> dict[str, Any]:
    return yaml.load((CHECKOUT / "awx" / name).read_text("utf-8"), _Loader)  # noqa: S506 - derived from SafeLoader


def dump(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False)


def settled(value: Any, settings: dict[str, Any]) -> Any:
    """Return what becomes of the files' own templates with these settings."""
    if isinstance(value, dict):
        return {key: settled(each, settings) for key, each in value.items()}
    if isinstance(value, list):
        return [settled(each, settings) for each in value]
    if isinstance(value, str) and not isinstance(value, ForAwx):
        return jinja2.Template(value, undefined=jinja2.StrictUndefined).render(settings)
    return value


# Those that need nothing but this file.
SETTINGS = {key: value for key, value in load("settings.yml").items() if "{{" not in str(value)}
TEMPLATES = load("controller_templates.yml")["controller_templates"]
SCHEDULES = load("controller_schedules.yml")["controller_schedules"]

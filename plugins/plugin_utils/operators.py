# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts: the role that an operator declares, what the inventory lets that user be, what is reserved to whom.

It is a recorded declaration, no authentication: whoever may change the inventory, the environment or the ledger's files
is not held off.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable

_AWX_USER = ("awx_user_name", "tower_user_name")
# AWX gives every job both.
_AWX_JOB = ("AWX_HOST", "JOB_ID")


class Operator(NamedTuple):
    """Who runs Ansible: ``name`` is whom ``operator_roles`` means; ``recorded`` names the system's user besides."""

    name: str
    recorded: str


def operator(task_vars: Mapping[str, Any]) -> Operator:
    """Return the user that runs Ansible: in a job of AWX its own, of root the one who became root, else the system's.

    AWX tells its user by an extra-var, which anybody may give: outside of its jobs that says nothing.
    """
    try:
        system = readable(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        system = str(os.getuid())
    user, through, schedule = None, "", None
    if all(os.environ.get(name) for name in _AWX_JOB):
        user, through = next((task_vars[name] for name in _AWX_USER if task_vars.get(name)), None), "AWX"
        schedule = task_vars.get("awx_schedule_name")
    if not user and os.getuid() == 0:
        user, through = os.environ.get("SUDO_USER"), "sudo"
    if not user and schedule:
        return Operator(system, f"{system} (AWX, programación «{readable(str(schedule))}»)")
    name = readable(str(user or system))
    return Operator(name, name if name == system else f"{name} ({through}; sistema: {system})")


def role_of(
    declared: str, *, user: str, mapping: Any, roles: Collection[str], default: str, allowed: Collection[str], act: str
) -> tuple[str, list[str]]:
    """Return the role in which ``user`` acts, and in words why it may not do so.

    ``declared`` is what was said (empty: the first role that the inventory's ``operator_roles`` gives the user, else
    ``default``); ``mapping`` is that variable, user -> role or roles, empty where it is not used; ``allowed`` are the
    roles to which the procedure leaves ``act``, a verb in words.
    """
    if not isinstance(mapping, Mapping):
        return declared, ["operator_roles: debe decir, por usuario, su puesto: {usuario: JAA} o {usuario: [JAA, CGDW]}"]
    given = mapping.get(user) or []
    own = [str(each) for each in (given if isinstance(given, (list, tuple)) else [given])]
    wrong = [each for each in own if each not in roles]
    if wrong:
        return declared, [
            f"operator_roles: {user}: «{readable(', '.join(wrong))}» no es un puesto ({', '.join(roles)})"
        ]
    role = declared or (own[0] if own else default)
    if role not in roles:
        return role, [f"operator_role: «{readable(role)}» no es un puesto del procedimiento ({', '.join(roles)})"]
    if mapping and role not in own:
        has = f"es {', '.join(own)}" if own else "no está en ella"
        return role, [
            f"operator_role: según la lista operator_roles del inventario, {user} {has}; no puede actuar como {role}"
        ]
    if role not in allowed:
        return role, [f"operator_role: {act} corresponde a {' o '.join(allowed)}, no a {role}"]
    return role, []

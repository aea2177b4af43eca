# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts: the role that an operator declares, what the inventory lets that user be, what is reserved to whom.

It is a recorded declaration, no authentication: whoever may change the inventory or the ledger's files is not held off.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.dse.backup.plugins.module_utils._core.text import readable

_AWX = ("awx_user_name", "tower_user_name")


def operator_user(task_vars: Mapping[str, Any]) -> str:
    """Return the user that runs Ansible: AWX's where it says so, else the system's."""
    for name in _AWX:
        user = task_vars.get(name) or os.environ.get(name)
        if user:
            return readable(str(user))
    try:
        return readable(os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        return str(os.getuid())


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

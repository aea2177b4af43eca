# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extra-vars that no playbook of ours knows: Ansible ignores them, and a misspelt answer would not be missed.

What a playbook knows is what its own text names: its heading lists its extra-vars.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# The roles' variables begin in the same way, and may come from the command line too.
_ROLES = ("backup_client_", "backup_server_", "backup_controller_", "backup_restic_")

# What several playbooks ask, or one without its prefix; the last is for the inventory alone, which says so itself.
_SHARED = ("operator_role", "question", "operator_roles")


def misspelt(given: Iterable[str], playbook: str, text: str) -> list[str]:
    """Return, in words, which of the ``given`` names are meant for a playbook, by its name, and not in its text.

    >>> misspelt(["request_change"], "request", "request_changes: {{ request_changes }}")
    ['request_change: esta variable no existe; ¿quiso decir request_changes?']
    """
    prefix = f"{playbook}_"
    # What its plays hand to each other is nobody's to give.
    named = re.findall(rf"\b{prefix}\w+", text)
    known = {name for name in named if not name.endswith(("_plan", "_due")) and f"{name}_" not in _ROLES}
    faults = []
    for name in sorted(given):
        if name.startswith(prefix) and not name.startswith(_ROLES) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"¿quiso decir {close[0]}?" if close else f"hay: {', '.join(sorted(known))}"
            faults.append(f"{name}: esta variable no existe; {hint}")
        elif name not in _SHARED:
            close = [each for each in difflib.get_close_matches(name, _SHARED, n=1, cutoff=0.8) if each in text]
            faults += [f"{name}: esta variable no existe; ¿quiso decir {each}?" for each in close]
    return faults

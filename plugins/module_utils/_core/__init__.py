# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure core, PRIVATE to the collection: standard library, Python 3.9+, nothing of Ansible.

The modules import it, the tests feed it plain data, and the role ``backup_client`` copies the part that the
servers need, as readable files, below ``/usr/local/lib/dse-backup``.
"""

from __future__ import annotations

VERSION = "1.0.0"

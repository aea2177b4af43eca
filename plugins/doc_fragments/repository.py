# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module is told where a server's repository is: what ``_core/repository_lock.py`` has in ``OPTIONS``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  repository:
    description: The directory of the server's repository.
    type: path
    required: true
  password_file:
    description: A file with the repository's password, which the repository's owner can read.
    type: path
    required: true
  lock_file:
    description: The file whose lock says that somebody is using the repository.
    type: path
    required: true
  restic:
    description: The engine.
    type: str
    default: restic
  lock_timeout:
    description: Seconds to wait for others who are using the repository, or for work that needs it for itself.
    type: int
    default: 600
"""

# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module is told where CSC keeps its copy: what ``_core/csc_place.py`` has in ``OPTION``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  csc:
    description: Where CSC keeps its copy, as it is reached from the backup server.
    type: dict
    required: true
    suboptions:
      repository:
        description: CSC's repository, as restic writes it - a directory, C(sftp:), C(s3:) and so on.
        type: str
        required: true
      password_file:
        description: A file with its password, which the owner of JAA's repository can read.
        type: path
        required: true
      options:
        description: Options of restic for it, such as C(sftp.args=...).
        type: list
        elements: str
        default: []
      credentials_file:
        description: A file with the credentials of an S3 store, in the format that its programs share.
        type: path
      ca_file:
        description: A file with the authority that signs the store's certificate, where the system does not know it.
        type: path
      medium:
        description: The medium that the repository is on. Its label is checked before anything else.
        type: dict
        suboptions:
          directory:
            description: Where it is mounted.
            type: path
            required: true
          media_id:
            description: Its id.
            type: str
            required: true
          medium_uuid:
            description: What its electronic label must say.
            type: str
            required: true
          media_next:
            description: In words, which medium comes after it.
            type: str
            default: ""
"""

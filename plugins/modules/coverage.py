#!/usr/bin/python
# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: coverage
short_description: Finds what there is on a server that somebody might have to ask a backup for
version_added: 1.0.0
description:
  - Lists the databases of PostgreSQL and of MariaDB or MySQL (all but the system's own), the document roots that the
    configurations of nginx and Apache name, what lies where web sites are usually put, repositories of code, and
    configuration. Tells also whether what was requested is there.
  - Only reads. Repositories are looked for level by level, along no link, in no hidden directory and never in pseudo
    file systems or on the disks of other servers, which are named in RV(remarks). What is inside a repository is part
    of it.
  - Not found are databases in containers and in SQLite files, and what lies outside the directories that are named
    here.
author: dse.backup maintainers (@dse-backup)
options:
  web_roots:
    description: Directories in which each directory that holds something is taken for a web site.
    type: list
    elements: path
    default: [/var/www, /srv/www]
  code_roots:
    description: Directories below which repositories of git, Mercurial and Subversion are looked for.
    type: list
    elements: path
    default: [/srv, /var/www, /opt, /home, /usr/local/src]
  configuration_roots:
    description:
      - Directories of configuration, each as a whole, where it holds something.
      - What nginx and Apache read from elsewhere, and what PostgreSQL calls its own, is listed besides, file by file.
    type: list
    elements: path
    default: [/etc, /usr/local/etc, /var/spool/cron]
  nginx_files:
    description: Main configuration files of nginx; what they include is read too.
    type: list
    elements: path
    default: [/etc/nginx/nginx.conf]
  apache_files:
    description: Main configuration files of Apache; what they include is read too.
    type: list
    elements: path
    default: [/etc/apache2/apache2.conf, /etc/httpd/conf/httpd.conf]
  engines:
    description: Whose databases to look for; V(mariadb) stands for MySQL too.
    type: list
    elements: str
    choices: [postgresql, mariadb]
    default: [postgresql, mariadb]
  depth:
    description: How many levels below each of O(code_roots) repositories are looked for.
    type: int
    default: 5
  directories:
    description: How many directories below each of O(code_roots) are looked into. That there are more is a problem.
    type: int
    default: 20000
  time_limit:
    description: After how many seconds the look at the file systems ends. When it is not complete, that is a problem.
    type: int
    default: 60
  requested:
    description:
      - What is requested, to be told whether it is there. Each element has C(path) and, where its links are followed,
        C(follow); or the C(name) of a database and, where it is known, C(database) as in C(backup_client_items).
      - Nothing at or below a path of these is measured.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
    description: It only reads.
seealso:
  - module: dse.backup.report_coverage
"""

EXAMPLES = r"""
- name: See what there is
  dse.backup.coverage:
    code_roots: [/srv, /data]
    requested:
      - path: /srv/www/portal
"""

RETURN = r"""
found:
  description: What there is. Bytes of names that are no text, and control characters, stand as C(\xff).
  returned: success
  type: list
  elements: dict
  contains:
    kinds:
      description: What it is, of C(web), C(code), C(configuration) and C(database).
      type: list
      elements: str
    path:
      description: The directory or file; empty for a database.
      type: str
    engine:
      description: C(postgresql) or C(mariadb) for a database.
      type: str
    name:
      description: The database's name.
      type: str
    instance:
      description: The directory of data of the database's server.
      type: str
    owner:
      description: The account that owns the directory or the database; in MariaDB, those with rights of their own.
      type: str
    sites:
      description: The names of the sites as which a web server serves it.
      type: list
      elements: str
    remote:
      description: Where its code comes from, without user and password.
      type: str
    size_bytes:
      description: About its size; null where it is not known.
      type: int
    size_is_partial:
      description: Whether there is more than could be added up quickly.
      type: bool
    files_only:
      description: Whether only the files that lie in the directory itself are meant.
      type: bool
    mount_point:
      description: Where the file system that it lies on is mounted.
      type: str
requested:
  description: One answer for each element of O(requested), in its order.
  returned: success
  type: list
  elements: dict
  contains:
    state:
      description: C(present), C(gone) or C(unknown).
      type: str
    path:
      description: The path; the real one, where its links are followed.
      type: str
    instance:
      description: The directory of data of the database's server.
      type: str
problems:
  description: What could not be looked at, in words.
  returned: success
  type: list
  elements: str
remarks:
  description: What was left out with reason, in words.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dse.backup.plugins.module_utils._core.coverage import OPTIONS, Scope, look


def main() -> None:
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    requested = module.params.pop("requested")
    module.exit_json(changed=False, **look(Scope(**module.params), requested))


if __name__ == "__main__":
    main()

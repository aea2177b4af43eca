# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes pages of what antsibull-docs has written: without a network, and with nothing to install for it."""

project = "dse.backup"
extensions = ["sphinx_antsibull_ext"]
html_theme = "alabaster"
html_theme_options = {"fixed_sidebar": True, "page_width": "75rem", "body_max_width": "none"}
# The list of all pages is the first page's.
html_sidebars = {"**": ["about.html", "searchbox.html"]}
html_copy_source = False
# Labels of Ansible's own documentation, which is elsewhere. antsibull-docs itself checks the names that are ours.
suppress_warnings = ["ref.ref"]

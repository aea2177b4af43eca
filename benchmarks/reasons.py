# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an aim that is missed cannot be met, in the words of who looked into it; by table, line and what it
stands beside: ``backup: unchanged beside restic``."""

from __future__ import annotations

REASONS: dict[str, str] = {}

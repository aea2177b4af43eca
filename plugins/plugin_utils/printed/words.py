# Copyright: the dse.backup maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded value as it is printed: in the forms' words, in the institution's time, nothing rounded away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.dse.backup.plugins.module_utils._core.text import human_size, readable
from ansible_collections.dse.backup.plugins.plugin_utils.procedure import Field, Procedure

# A record's texts are cut when they are recorded; what is longer was forged, and is shown all the same.
_LONGEST = 20_000
# From there on digits are read in groups: years and small counts are not.
_GROUPED = 10_000
_DAYS = re.compile(r"(\d{4}-\d\d-\d\d)(?:/(\d{4}-\d\d-\d\d))?")


class Words:
    """How the values of a procedure's fields are written."""

    def __init__(self, procedure: Procedure) -> None:
        self._procedure = procedure
        self._zone: ZoneInfo = procedure.zone

    def value(self, field: Field, value: Any) -> str:
        """Return a field's value; "" where there is none."""
        if value is None or value in ("", []):
            return ""
        if isinstance(value, list):
            return "; ".join(self._scalar(field, each) for each in value)
        return self._scalar(field, value)

    def moment(self, text: Any) -> str:
        """Return an instant in the institution's time zone, or as it stands where it is none."""
        try:
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(self._zone) if moment.tzinfo else moment
        except (TypeError, ValueError, OverflowError):
            return plain(text)
        return f"{moment:%d/%m/%Y %H:%M:%S}"

    def _scalar(self, field: Field, value: Any) -> str:
        if isinstance(value, Mapping):
            return "; ".join(f"{plain(name)}: {plain(each)}" for name, each in value.items())
        if isinstance(value, (bool, int, float)):
            size = f" ({human_size(value)})" if field.name.endswith("_bytes") else ""
            return (decimal(value) if isinstance(value, float) else number(value)) + size
        if field.type == "datetime":
            return self.moment(value)
        if field.type == "date" or field.name == "planned_dates":
            return days(value)
        return plain(self._procedure.label(field.name, value))


def plain(value: Any) -> str:
    """Return any value as text on one line that nothing can hide in."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Sí" if value else "No"
    return readable(str(value), _LONGEST)


def number(value: int) -> str:
    """Return a count or a size, or yes and no: ``number(650117120) == "650,117,120"``."""
    if isinstance(value, bool):
        return plain(value)
    return f"{value:,}" if abs(value) >= _GROUPED else str(value)


def decimal(value: float) -> str:
    """Return a decimal with two places, with more only where it was recorded with more."""
    return f"{value:,.2f}" if round(value, 2) == value else str(value)


def days(text: Any) -> str:
    """Return a date as it is spoken of, or the days from one to another, as a plan has them; else what stands there.

    >>> days("2026-11-17/2026-12-31")
    '17/11/2026 a 31/12/2026'
    """
    found = _DAYS.fullmatch(text) if isinstance(text, str) else None
    try:
        spoken = [f"{date.fromisoformat(each):%d/%m/%Y}" for each in (found.groups() if found else ()) if each]
    except ValueError:
        spoken = []
    return " a ".join(dict.fromkeys(spoken)) or plain(text)

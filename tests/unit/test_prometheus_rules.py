# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example alert rules, in the real promtool: ``prometheus_rules.yml`` beside this says what they must tell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ansible_collections.dse.backup.plugins.plugin_utils.metrics import ALL

CHECKOUT = Path(__file__).resolve().parents[2]
RULES = CHECKOUT / "docs" / "prometheus-rules.yml"
PROMTOOL = CHECKOUT / ".cache" / "promtool"


def promtool(*arguments, **options):
    fetched = subprocess.run([CHECKOUT / "tests/promtool", PROMTOOL], capture_output=True, text=True, check=False)
    assert (PROMTOOL / "promtool").exists(), f"no promtool to test with: {fetched.stderr}"
    command = [PROMTOOL / "promtool", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_the_rules_tell_what_they_must_and_nothing_else():
    done = promtool("test", "rules", CHECKOUT / "tests/unit/prometheus_rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    named = set(re.findall(r"dse_backup_\w+", RULES.read_text("utf-8"))) - {"dse_backup"}
    assert named <= {*ALL}, "no rule waits for a metric that nobody writes"
    assert {*ALL} - named == {
        *("dse_backup_last_conforming_timestamp_seconds", "dse_backup_last_conforming_size_bytes"),
        "dse_backup_last_result",
    }, "these are for looking at; whatever can be wrong has a rule"

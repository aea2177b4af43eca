# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.dse.backup.plugins.modules.restore import shown


def test_a_preview_with_any_name_can_be_sent():
    # Ansible takes no answer with a name that is not UTF-8; the longest path there is arrives whole.
    longest = "/" + "\udcff" * 4095
    entries = [{"path": path, "type": "file", "size": 1} for path in ("/año\n", longest)]
    found = {"written": entries, "replaced": entries, "left": [], "removed": [], "refusals": ["x"], "remarks": []}
    sent = json.dumps(shown(found), ensure_ascii=False).encode("utf-8")
    assert [each["path"] for each in json.loads(sent)["written"]] == ["/año\\n", "/" + "\\xff" * 4095]
    assert json.loads(sent)["refusals"] == ["x"] and entries[1]["path"] == longest

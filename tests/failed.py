# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""python tests/failed.py DIRECTORY: tells, after a long output, which tests failed and how, from JUnit files."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

for file in sorted(Path(sys.argv[1]).glob("*.xml")):
    for case in ET.parse(file).iter("testcase"):  # noqa: S314 - pytest wrote it
        for fault in [*case.iter("failure"), *case.iter("error")]:
            last_lines = (fault.text or fault.get("message", "")).splitlines()[-40:]
            print(f"\nFAILED {file.stem}: {case.get('classname')}::{case.get('name')}", *last_lines, sep="\n  ")

"""The story's tests use what the default scenario's do: `hosts` for what SSH cannot, `backups` for what runs leave."""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
# After this directory: tests/integration has a clock of its own.
sys.path += [str(CHECKOUT / "tests" / "integration"), str(CHECKOUT / "molecule" / "default" / "tests")]

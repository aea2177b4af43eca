"""The test hosts as testinfra sees them, over SSH.

A test of one host says `testinfra_hosts = ["ssh://srv-db01"]` and takes the fixture `host`; one that needs several
takes `servers`. Faults are caused through the module `hosts`; `backups` runs playbooks and reads what they leave.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import testinfra

CHECKOUT = Path(__file__).resolve().parents[3]
# What must hold of every ledger is written once for all tests, without the product's code; and what is the product's.
sys.path[:0] = [str(CHECKOUT / "tests" / "integration"), str(CHECKOUT / "collections")]

import hosts  # noqa: E402 - comes after the path that it and its tests need


@pytest.fixture(scope="session")
def servers() -> dict[str, testinfra.host.Host]:
    """Every test host by its name in the inventory."""
    return {name: testinfra.get_host(f"ssh://{name}", ssh_config=str(hosts.SSH_CONFIG)) for name in hosts.NAMES}

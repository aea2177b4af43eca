"""The test hosts as testinfra sees them, over SSH.

A test of one host says `testinfra_hosts = ["ssh://srv-db01"]` and takes the fixture `host`; one that needs several
takes `servers`. Faults are caused through the module `hosts`.
"""

from __future__ import annotations

import hosts
import pytest
import testinfra


@pytest.fixture(scope="session")
def servers() -> dict[str, testinfra.host.Host]:
    """Every test host by its name in the inventory."""
    return {name: testinfra.get_host(f"ssh://{name}", ssh_config=str(hosts.SSH_CONFIG)) for name in hosts.NAMES}

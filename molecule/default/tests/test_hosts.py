"""The test hosts are what the other tests take them for: separate systems, reached over SSH."""

from __future__ import annotations

import subprocess
import time

import hosts
import pytest


def test_each_host_is_a_system_of_its_own(servers):
    for name, host in servers.items():
        assert host.check_output("hostname") == name
        assert host.check_output("cat /proc/1/comm") == "systemd"
        assert host.service("ssh").is_running
    for command in ("cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", "readlink /proc/1/ns/net"):
        assert len({host.check_output(command) for host in servers.values()}) == len(servers)


def test_both_database_systems_run(servers):
    for unit in ("postgresql@*.service", "mariadb.service"):
        assert servers["srv-db01"].check_output("systemctl is-active %s", unit) == "active"


def test_hosts_find_each_other_by_name(servers):
    assert servers["srv-web01"].addr("srv-bkp01").ipv4_addresses == [hosts.address("srv-bkp01")]
    assert servers["srv-web01"].run("timeout 2 bash -c '</dev/tcp/srv-bkp01/22'").succeeded


def ssh_answers(name: str) -> bool:
    """Ask from another host, so that no connection that is already open hides the truth."""
    script = f"timeout 1 bash -c 'read -r line </dev/tcp/{name}/22'"
    return hosts.shell("srv-bkp01", script, check=False).returncode == 0


@pytest.mark.parametrize("fault", [hosts.cut_off, hosts.paused, hosts.killed])
def test_a_fault_silences_a_host_and_ends(fault):
    with fault("srv-web01"):
        assert not ssh_answers("srv-web01")
    assert ssh_answers("srv-web01")


def test_a_small_disk_fills_up():
    hosts.shell("srv-web01", "mkdir -p /srv/small && chmod 700 /srv/small")
    with hosts.small_disk("srv-web01", "/srv/small", "2m"):
        done = hosts.shell("srv-web01", "head -c 3m /dev/zero > /srv/small/file", check=False)
        assert b"No space left" in done.stderr
    assert hosts.shell("srv-web01", "ls /srv/small").stdout == b""


def test_a_slow_link_delays_what_reaches_a_host():
    begin = time.monotonic()
    with hosts.slow_link("srv-bkp01", "4mbit"):
        command = ["ssh", "-F", str(hosts.SSH_CONFIG), "srv-bkp01", "cat > /dev/null"]
        subprocess.run(command, input=bytes(1024 * 1024), check=True)
    assert time.monotonic() - begin > 1


def test_a_service_can_be_stopped():
    with hosts.stopped("srv-db01", "mariadb.service"):
        assert hosts.shell("srv-db01", "systemctl is-active mariadb", check=False).stdout == b"inactive\n"
    assert hosts.shell("srv-db01", "systemctl is-active mariadb").stdout == b"active\n"


def test_bytes_that_are_not_text_survive():
    script = b"printf %s 'a\xf1o' | od -An -tx1"
    assert hosts.shell("srv-web01", script).stdout.split() == [b"61", b"f1", b"6f"]
    assert hosts.shell("srv-web01", "cat", stdin=b"\xff\x00\n").stdout == b"\xff\x00\n"

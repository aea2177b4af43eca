"""What a test does to the test hosts that SSH cannot: cut them off, freeze them, crash them, fill their disks.

Where a program must lie, or wait, another one is put before it.

Everything goes through podman and the machine's own side of each host's network. A host is named as in the inventory;
what does not carry this run's label is refused.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

RUN_DIRECTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SSH_CONFIG = RUN_DIRECTORY / "ssh_config"
INVENTORY = RUN_DIRECTORY / "inventory"
_created = json.loads((RUN_DIRECTORY / "hosts.json").read_text())
RUN = _created["run"]
ADDRESSES = {host["name"]: host["address"] for host in _created["hosts"]}
NAMES = list(ADDRESSES)

os.environ["CONTAINERS_CONF"] = str(Path(__file__).resolve().parents[2] / "hosts" / "containers.conf")


def _command(*command: str, check: bool = True, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command on this machine; in and out are bytes, because names of files are."""
    done = subprocess.run(command, capture_output=True, check=False, **options)
    if check and done.returncode != 0:
        message = f"{command}: exit {done.returncode}: {done.stderr.decode(errors='backslashreplace')}"
        raise RuntimeError(message)
    return done


def _inspect(name: str) -> tuple[str, str]:
    """Return the id and the process id of this run's container for a host; refuse any other."""
    template = '{{.Id}} {{.State.Pid}} {{index .Config.Labels "dse-backup-test"}}'
    found = _command("podman", "container", "inspect", "--format", template, f"{RUN}-{name}")
    identifier, process, label = found.stdout.decode().split()
    if label != RUN:
        message = f"{name} is not a test host of {RUN}"
        raise RuntimeError(message)
    return identifier, process


def container(name: str) -> str:
    """Return the id of a host's container."""
    return _inspect(name)[0]


def file_system(name: str) -> Path:
    """Return a host's whole file system as this machine sees it: quicker than a shell where only bytes are moved."""
    return Path(f"/proc/{_inspect(name)[1]}/root")


def address(name: str) -> str:
    """Return a host's IPv4 address, which a restart keeps."""
    return ADDRESSES[name]


def shell(
    name: str, script: str | bytes, *, stdin: bytes | None = None, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script on a host as root, without the network; `stdout` and `stderr` of the result are bytes."""
    # podman replaces bytes of an argument that are not UTF-8, so that the script travels as base64.
    encoded = base64.b64encode(os.fsencode(script)).decode()
    command = ("sh", "-c", 'eval "$(echo "$0" | base64 --decode)"', encoded)
    return _command("podman", "exec", "--interactive", container(name), *command, check=check, input=stdin or b"")


def veth(name: str) -> str:
    """Return this machine's end of a host's cable: the interface whose index the host's eth0 names as its peer."""
    peer = shell(name, "cat /sys/class/net/eth0/iflink").stdout.decode().strip()
    for interface in Path("/sys/class/net").iterdir():
        if (interface / "ifindex").read_text().strip() == peer:
            return interface.name
    message = f"no interface of this machine leads to {name}"
    raise RuntimeError(message)


@contextmanager
def cut_off(name: str) -> Iterator[None]:
    """Pull a host's cable, as a broken switch would: nobody is told, packets vanish."""
    interface = veth(name)
    _command("ip", "link", "set", interface, "down")
    try:
        yield
    finally:
        _command("ip", "link", "set", interface, "up")


@contextmanager
def slow_link(name: str, rate: str) -> Iterator[None]:
    """Limit what reaches a host, such as uploads to the backup server, to a rate of tc such as "4mbit"."""
    interface = veth(name)
    _command("tc", "qdisc", "add", "dev", interface, "root", "tbf", "rate", rate, "burst", "32kbit", "latency", "400ms")
    try:
        yield
    finally:
        _command("tc", "qdisc", "del", "dev", interface, "root")


@contextmanager
def paused(name: str) -> Iterator[None]:
    """Freeze a host: it accepts connections (the kernel does) and never answers."""
    identifier = container(name)
    _command("podman", "pause", identifier)
    try:
        yield
    finally:
        _command("podman", "unpause", identifier)


def kill(name: str) -> None:
    """Pull a host's power plug. What it had not synced stays, as the disk is this machine's; its tmpfs are lost."""
    _command("podman", "kill", "--signal=KILL", container(name))
    _command("podman", "wait", container(name))


def start(name: str) -> None:
    """Start a host again and wait until it accepts SSH."""
    _command("podman", "start", container(name))
    shell(name, "timeout 30 sh -c 'until systemctl --quiet is-active ssh.service; do sleep 0.1; done'")


@contextmanager
def killed(name: str) -> Iterator[None]:
    """Keep a host without power."""
    kill(name)
    try:
        yield
    finally:
        start(name)


@contextmanager
def small_disk(name: str, path: str, size: str) -> Iterator[None]:
    """Mount a tmpfs of a few MB ("8m") over a directory of a host, with the directory's owner and mode but empty."""
    owner = shell(name, f"stat --format='uid=%u,gid=%g,mode=%a' -- '{path}'").stdout.decode().strip()
    mount(name, "mount", "-t", "tmpfs", "-o", f"size={size},{owner}", "tmpfs", path)
    try:
        yield
    finally:
        mount(name, "umount", "--lazy", path)


@contextmanager
def unreadable(name: str, path: str) -> Iterator[None]:
    """Let every read of an existing file fail with an input/output error, as on a dying disk."""
    # The first page of a process's memory: there is none, and root's rights do not help.
    mount(name, "mount", "--bind", "/proc/1/mem", path)
    try:
        yield
    finally:
        mount(name, "umount", path)


def mount(name: str, *command: str) -> None:
    """Run mount or umount in a host's mount namespace with this machine's rights: inside, root may not mount."""
    _command("nsenter", "--mount", "--pid", f"--target={_inspect(name)[1]}", *command)


@contextmanager
def stopped(name: str, service: str) -> Iterator[None]:
    """Stop a service of a host, such as "mariadb.service"."""
    shell(name, f"systemctl stop {service}")
    try:
        yield
    finally:
        shell(name, f"systemctl start {service}")


@contextmanager
def program(name: str, path: str, script: str) -> Iterator[None]:
    """Put a shell script in the place of a program, which is then beside it: PATH.real. There need not be one."""
    there = f"if [ -e {path} ]; then mv {path} {path}.real; fi; cat > {path} && chmod 755 {path}"
    shell(name, there, stdin=f"#!/bin/sh\n{script}\n".encode())
    try:
        yield
    finally:
        shell(name, f"rm -f {path}; if [ -e {path}.real ]; then mv {path}.real {path}; fi")


@contextmanager
def gate(name: str, path: str, before: str) -> Iterator[Gate]:
    """Let a program (`before`, found on PATH behind `path`) wait at a gate until the test opens it."""
    wait = f'touch /run/gate-reached; while [ -e /run/gate ]; do sleep 0.1; done; exec {before} "$@"'
    shell(name, "rm -f /run/gate-reached; touch /run/gate")
    with program(name, path, wait):
        try:
            yield Gate(name)
        finally:
            shell(name, "rm -f /run/gate")


class Gate(NamedTuple):
    """Where a program on a host waits."""

    name: str

    def wait_until_reached(self) -> None:
        """Wait until the program stands at the gate."""
        shell(self.name, "timeout 60 sh -c 'until [ -e /run/gate-reached ]; do sleep 0.1; done'")

    def open(self) -> None:
        """Let it go on."""
        shell(self.name, "rm /run/gate")


def forget_connections() -> None:
    """End Ansible's open connections to the hosts, which keep the timeouts with which they were opened."""
    for name in NAMES:
        path = f"ControlPath=~/.ansible/cp/{container(name)[:12]}"
        _command("ssh", "-F", str(SSH_CONFIG), "-o", path, "-O", "exit", name, check=False)

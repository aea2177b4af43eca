#!/usr/bin/env python3
"""Start and remove the test hosts of one run: containers with systemd and sshd on a network of their own.

    podman_hosts.py create RUN PUBLIC_KEY_FILE HOST=IMAGE...
    podman_hosts.py destroy RUN

create prints {"run": RUN, "hosts": [{"name", "container", "address", "host_key"}, ...]} as JSON.

Everything carries the label dse-backup-test=RUN, and only what carries it is ever removed.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LABEL = "dse-backup-test"
# podman's own defaults are higher than a machine may allow that is a container itself.
LIMITS = ["--ulimit=nofile=20000:20000", "--ulimit=nproc=32768:32768"]
# What sshd (AUDIT_WRITE), ping and device files need beyond podman's defaults.
CAPABILITIES = ["--cap-add=AUDIT_WRITE,NET_RAW,MKNOD"]
WAIT_FOR_SSHD = (
    "until systemctl --quiet is-active ssh.service; do sleep 0.1; done; cat /etc/ssh/ssh_host_ed25519_key.pub"
)


def podman(*arguments: str, **options: object) -> str:
    """Run podman and return what it prints; on failure, exit with what it complained about."""
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"podman {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def ensure_network(run: str) -> ipaddress.IPv4Network:
    """Create the run's network unless it is there, and return the range that podman chose for it."""
    if not podman("network", "ls", "--quiet", f"--filter=label={LABEL}={run}"):
        # 1400: leaves room where the machine's own network is a tunnel. Names are in /etc/hosts, no DNS of our own.
        podman("network", "create", "--disable-dns", "--opt=mtu=1400", f"--label={LABEL}={run}", run)
    return ipaddress.ip_network(json.loads(podman("network", "inspect", run))[0]["subnets"][0]["subnet"])


def mac_address(address: str) -> str:
    """Return a locally administered MAC address that belongs to an address: "10.89.0.11" -> "02:00:0a:59:00:0b"."""
    return "02:00:" + ipaddress.ip_address(address).packed.hex(":")


def start(run: str, name: str, image: str, addresses: dict[str, str], public_key: str) -> dict[str, str]:
    """Start one host, let the run's key in, and return how to reach it once sshd answers."""
    container = podman(
        "run", "--detach", "--replace", f"--name={run}-{name}", f"--label={LABEL}={run}", f"--hostname={name}",
        "--systemd=always", *CAPABILITIES, *LIMITS,
        # As a real machine's, both outlive a crash: neighbours would look for a new one in vain for half a minute.
        f"--network={run}", f"--ip={addresses[name]}", f"--mac-address={mac_address(addresses[name])}",
        *(f"--add-host={other}:{address}" for other, address in addresses.items()),
        image,
    )  # fmt: skip
    podman("exec", "--interactive", container, "sh", "-c",
           "install -d -m 0700 ~/.ssh && cat > ~/.ssh/authorized_keys", input=public_key)  # fmt: skip
    host_key = podman("exec", container, "timeout", "30", "sh", "-c", WAIT_FOR_SSHD)
    return {"name": name, "container": container[:12], "address": addresses[name],
            "host_key": " ".join(host_key.split()[:2])}  # fmt: skip


def create(run: str, public_key_file: str, *platforms: str) -> None:
    """Start all hosts at once and print them as JSON."""
    images = dict(platform.split("=", 1) for platform in platforms)
    network = ensure_network(run)
    addresses = {name: str(network[11 + position]) for position, name in enumerate(images)}
    public_key = Path(public_key_file).read_text()
    with ThreadPoolExecutor() as pool:
        hosts = pool.map(lambda name: start(run, name, images[name], addresses, public_key), images)
        print(json.dumps({"run": run, "hosts": list(hosts)}, indent=2))


def destroy(run: str) -> None:
    """Remove the run's hosts and network; print what was removed."""
    containers = podman("ps", "--all", "--quiet", f"--filter=label={LABEL}={run}").split()
    if containers:
        print(podman("rm", "--force", "--volumes", "--time=0", *containers))
    networks = podman("network", "ls", "--quiet", f"--filter=label={LABEL}={run}").split()
    if networks:
        print(podman("network", "rm", *networks))


if __name__ == "__main__":
    {"create": create, "destroy": destroy}[sys.argv[1]](*sys.argv[2:])

#!/usr/bin/env python3
"""Make sure that this machine has podman and the images of the test hosts.

The images come from the Debian mirror that this machine's own apt uses, so that no address stands in the
repository. An image is built only when it is missing or when its recipe (these files and the mirror) has changed.
It ends by printing "built: NAME" for each image that was built; nothing when all were there.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECIPE_LABEL = "dse-backup-recipe"
MACHINE_PACKAGES = [
    "podman",
    "netavark",
    "aardvark-dns",
    "crun",
    "runc",
    "conmon",
    "iptables",
    "iproute2",
    "mmdebstrap",
    "eatmydata",
    "openssh-client",
]
HOST_PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,sudo,cron,iproute2,procps,acl,attr,tzdata,libfaketime,faketime"
)


def run(*command: str, **options: object) -> subprocess.CompletedProcess:
    """Run a command that must succeed; its output goes to stderr, which is where progress belongs."""
    return subprocess.run(command, check=True, **{"stdout": sys.stderr, **options})


def output(*command: str) -> str:
    """Return what a command prints, or "" when it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def install_missing_packages() -> None:
    """Install with apt what building and running the hosts needs."""
    installed = output("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *MACHINE_PACKAGES)
    missing = [name for name in MACHINE_PACKAGES if f"{name} installed" not in installed.splitlines()]
    if missing:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "--quiet", env=quiet)
        run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing, env=quiet)


def release() -> str:
    """Return the code name of this machine's Debian, such as "bookworm"."""
    fields = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if fields.get("ID") != "debian":
        sys.exit("The test hosts are built from this machine's own Debian mirror: run them on Debian.")
    return fields["VERSION_CODENAME"]


def stanzas() -> list[dict[str, str]]:
    """Return every "deb" source of this machine with the field names of deb822, in lower case."""
    found = []
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        text = path.read_text() if path.is_file() else ""
        text = "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))
        if path.suffix == ".sources":
            for block in re.split(r"\n\s*\n", text):
                fields = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", block, flags=re.MULTILINE)
                found.append({name.lower(): value for name, value in fields})
        elif path.suffix == ".list":
            for options, uri, suite, components in re.findall(
                r"^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.+)$", text, flags=re.MULTILINE
            ):
                signed_by = re.search(r"signed-by=(\S+)", options)
                found.append(
                    {"types": "deb", "uris": uri, "suites": suite, "components": components}
                    | ({"signed-by": signed_by[1]} if signed_by else {})
                )
    return [
        source for source in found if "deb" in source.get("types", "").split() and source.get("enabled", "yes") != "no"
    ]


def debian_sources(codename: str) -> list[str]:
    """Return this machine's sources of Debian itself as one-line entries; third parties' are left out."""
    lines = []
    for source in stanzas():
        keyring = source.get("signed-by", "")
        options = f"[signed-by={keyring}] " if keyring.startswith("/") else ""
        for suite in source["suites"].split():
            if suite in (codename, f"{codename}-updates", f"{codename}-security") and "main" in source["components"]:
                lines += [f"deb {options}{uri} {suite} main" for uri in source["uris"].split()]
    if not lines:
        sys.exit(f"No apt source of this machine offers Debian {codename}.")
    return list(dict.fromkeys(lines))


def apt_options() -> list[str]:
    """Return the settings without which apt would not take this mirror (a proxy, a snapshot's old dates)."""
    wanted = re.compile(r'Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ".+";')
    return [line for line in output("apt-config", "dump").splitlines() if wanted.match(line)]


def recipe_hash(*parts: object) -> str:
    """Return the digest that changes whenever a part does; a path stands for the file's content."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update((part.read_text() if isinstance(part, Path) else repr(part)).encode() + b"\0")
    return digest.hexdigest()[:16]


def is_current(image: str, recipe: str) -> bool:
    """Tell whether the image exists and was built from this recipe."""
    return output("podman", "image", "inspect", "--format", f'{{{{index .Labels "{RECIPE_LABEL}"}}}}', image) == recipe


def build_base(image: str, recipe: str, codename: str, sources: list[str], options: list[str]) -> None:
    """Build a bootable Debian with systemd and sshd."""
    certificates = ",ca-certificates" if any("https://" in line for line in sources) else ""
    bootstrap = subprocess.Popen(
        [
            "eatmydata", "mmdebstrap", "--quiet", "--variant=minbase", "--format=tar",
            f"--include={HOST_PACKAGES}{certificates}",
            *(f"--aptopt={option}" for option in options),
            f"--customize-hook={HERE / 'base-customize.sh'}",
            codename, "-", *sources,
        ],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    changes = ('CMD ["/sbin/init"]', "STOPSIGNAL SIGRTMIN+3", f"LABEL {RECIPE_LABEL}={recipe}")
    command = ["podman", "import", "--quiet", *(f"--change={change}" for change in changes), "-", image]
    imported = subprocess.run(command, stdin=bootstrap.stdout, stdout=sys.stderr, check=False)
    if bootstrap.wait() != 0 or imported.returncode != 0:
        # A tree that was cut short must not pass for an image.
        subprocess.run(["podman", "rmi", "--force", image], capture_output=True, check=False)
        sys.exit("The base image could not be built: see above.")


def build_layer(image: str, recipe: str, containerfile: Path) -> None:
    """Build an image on top of the base."""
    run("podman", "build", "--quiet", "--layers=false", "--network=host", f"--label={RECIPE_LABEL}={recipe}",
        f"--tag={image}", f"--file={containerfile}", str(HERE))  # fmt: skip


def main() -> None:
    """Install, then build what is missing or out of date."""
    os.environ["CONTAINERS_CONF"] = str(HERE / "containers.conf")
    install_missing_packages()
    codename = release()
    sources, options = debian_sources(codename), apt_options()
    recipe = recipe_hash(Path(__file__), HERE / "base-customize.sh", codename, sources, options)
    built = []
    if not is_current("localhost/dse-backup-base", recipe):
        build_base("localhost/dse-backup-base", recipe, codename, sources, options)
        built.append("base")
    for containerfile in sorted(HERE.glob("Containerfile.*")):
        name = containerfile.suffix.removeprefix(".")
        layer_recipe = recipe_hash(recipe, containerfile)
        if not is_current(f"localhost/dse-backup-{name}", layer_recipe):
            build_layer(f"localhost/dse-backup-{name}", layer_recipe, containerfile)
            built.append(name)
    # What an earlier recipe of ours left without a name; an image that a host still runs on stays, and is no failure.
    output("podman", "image", "prune", "--force", f"--filter=label={RECIPE_LABEL}")
    for name in built:
        print(f"built: {name}")


if __name__ == "__main__":
    main()

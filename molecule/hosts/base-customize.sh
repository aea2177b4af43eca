#!/bin/sh
# Turns a minimal Debian tree ($1) into a host that boots in a container. Called by mmdebstrap.
set -eu
root=$1

# Each host makes its own ssh keys and machine id at its first boot: shared ones would hide mistakes.
rm -f "$root"/etc/ssh/ssh_host_*
: > "$root/etc/machine-id"
cat > "$root/etc/systemd/system/ssh-host-keys.service" <<'UNIT'
[Unit]
Description=Make this host's own ssh keys
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
RequiredBy=ssh.service
UNIT
printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\n' > "$root/etc/ssh/sshd_config.d/test-host.conf"

# What needs a kernel, a console or a network of its own, or would start apt behind the tests' back.
chroot "$root" systemctl -q mask systemd-networkd.service systemd-resolved.service systemd-timesyncd.service \
    systemd-logind.service getty@tty1.service console-getty.service apt-daily.timer apt-daily-upgrade.timer
chroot "$root" systemctl -q enable ssh-host-keys.service ssh.service

# PostgreSQL takes its encoding from here.
echo 'LANG=C.UTF-8' > "$root/etc/default/locale"

# A mirror over https may be signed by an authority that only this machine knows.
if [ -d "$root/etc/ssl/certs" ]; then
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
fi

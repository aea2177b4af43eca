#!/bin/sh
# Gives a host a clock that can be moved: what has these variables in its environment believes what the file says
# ("-604800", in seconds), and the real time while there is no file. tests/clock.py writes it.
set -eu
mkdir -p /var/lib/story-clock /etc/systemd/system/ssh.service.d
# The loader knows what $LIB is on this machine.
# shellcheck disable=SC2016
clock='LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1 FAKETIME_TIMESTAMP_FILE=/var/lib/story-clock/offset NO_FAKE_STAT=1'
echo "$clock" > /var/lib/story-clock/environment

# sshd and what is started over SSH have them; databases, systemd and the rest keep the real time. /etc/ld.so.preload does
# not do: an sshd that has the library while its parent has not is killed by its own sandbox.
echo "SetEnv $clock" > /etc/ssh/sshd_config.d/story-clock.conf
printf '[Service]\nEnvironment=%s\n' "$clock" > /etc/systemd/system/ssh.service.d/story-clock.conf
systemctl daemon-reload
systemctl restart ssh.service

# Both are linked so that no library changes their clock. Their packages, which deploy.yml installs, will put the real ones
# beside these.
for program in restic rclone; do
    dpkg-divert --quiet --local --rename --divert "/usr/bin/$program.real" --add "/usr/bin/$program"
done

cat > /usr/bin/restic << 'END'
#!/bin/sh
# A backup has the time that date(1) tells.
case " $* " in
*" backup "*)
    now=$(env $(cat /var/lib/story-clock/environment) date '+%Y-%m-%d %H:%M:%S')
    set -- "$@" --time "$now"
    ;;
esac
exec /usr/bin/restic.real "$@"
END

cat > /usr/bin/rclone << 'END'
#!/bin/sh
# Through this the snapshots arrive on the backup server; their files get the time at which they did.
case "$*" in
*" serve restic "*) ;;
*) exec /usr/bin/rclone.real "$@" ;;
esac
for repository; do :; done
before=$(ls "$repository/snapshots")
status=0
/usr/bin/rclone.real "$@" || status=$?
now=$(env $(cat /var/lib/story-clock/environment) date +%s)
for snapshot in $(ls "$repository/snapshots"); do
    case "$before" in
    *"$snapshot"*) ;;
    *) touch -d "@$now" "$repository/snapshots/$snapshot" ;;
    esac
done
exit $status
END
chmod 755 /usr/bin/restic /usr/bin/rclone

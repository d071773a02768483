#!/bin/bash
# What packaging/test.sh looks at inside a container whose libcamera has virtual cameras.
set -euo pipefail
trap 'echo "FAILED at line $LINENO: $BASH_COMMAND"; journalctl --no-pager -u pistreamer | tail -n 40' ERR
say() { printf '\n== %s\n' "$*"; }
# until_true COMMAND...: within half a minute.
until_true() {
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    "$@"
}
is_live() { systemctl show --property=StatusText pistreamer | grep -q live; }
camera() { pgrep -f '^/usr/lib/pistreamer/camera-'; }
another_camera() { [ "$(camera)" ] && [ "$(camera)" != "$1" ]; }
snapshot() { curl --silent --fail --output /tmp/snapshot "http://127.0.0.1:8000/snapshot.jpg?key=$key"; }
mkdir -p /run/systemd/system/pistreamer.service.d
printf '[Service]\nEnvironment=LD_PRELOAD=/usr/lib/udmabuf-shim.so\n' >/run/systemd/system/pistreamer.service.d/virtual.conf

say "the camera of this system is shown"
dpkg -i /packages/new.deb
until_true is_live
key=$(pistreamer key 2>/dev/null | awk '$1 == "owner" { print $3 }')
until_true snapshot
head -c 2 /tmp/snapshot | od -An -tx1 | grep -q 'ff d8'
curl --silent --fail "http://127.0.0.1:8000/api/v1/status?key=$key" | grep -q 'Test bars (external)'
LD_PRELOAD=/usr/lib/udmabuf-shim.so pistreamer cameras >/tmp/cameras
cat /tmp/cameras
grep -q 'libcamera:Bars' /tmp/cameras
ls /usr/lib/*/libcamera.so.0.*
pgrep -a -f '^/usr/lib/pistreamer/camera-'

say "a crash of libcamera is none of the server's"
server=$(systemctl show --property=MainPID --value pistreamer)
before=$(camera)
kill -ABRT "$before"
until_true another_camera "$before"
until_true is_live
until_true snapshot
[ "$(systemctl show --property=MainPID --value pistreamer)" = "$server" ]

say "with another libcamera alone it says what to do"
systemctl stop pistreamer
if camera; then exit 1; fi
for library in /usr/lib/*/libcamera.so.0.4; do mv "$library" "${library%4}99"; done
if pistreamer cameras 2>/tmp/said; then exit 1; fi
cat /tmp/said
grep -q 'libcamera 0.99 is installed; this pistreamer knows 0.4 to 0.7: update it' /tmp/said

#!/bin/bash
# What packaging/test.sh looks at inside a container whose libcamera has virtual cameras.
# shellcheck source=packaging/inside.sh
. /usr/local/lib/inside.sh
camera() { pgrep -f '^/usr/lib/pistreamer/camera-'; }
another_camera() { [ "$(camera)" ] && [ "$(camera)" != "$1" ]; }
mkdir -p /run/systemd/system/pistreamer.service.d
printf '[Service]\nEnvironment=LD_PRELOAD=/usr/lib/udmabuf-shim.so\n' >/run/systemd/system/pistreamer.service.d/virtual.conf

say "the camera of this system is shown"
dpkg -i /packages/new.deb
until_true is_live
key=$(key)
until_true snapshot "$key"
curl --silent --fail "$url/api/v1/status?key=$key" | grep -q 'Test bars (external)'
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
until_true snapshot "$key"
[ "$(systemctl show --property=MainPID --value pistreamer)" = "$server" ]

say "with another libcamera alone it says what to do"
systemctl stop pistreamer
if camera; then exit 1; fi
for library in /usr/lib/*/libcamera.so.0.4; do mv "$library" "${library%4}99"; done
if pistreamer cameras 2>/tmp/said; then exit 1; fi
cat /tmp/said
grep -q 'libcamera 0.99 is installed; this pistreamer knows 0.4 to 0.7: update it' /tmp/said

#!/bin/bash
# What packaging/test.sh looks at inside its container.
# shellcheck source=packaging/inside.sh
. /usr/local/lib/inside.sh
restarts() { [ "$(systemctl show --property=NRestarts --value pistreamer)" = "$1" ]; }

say "installed"
dpkg -i /packages/old.deb 2>&1 | tee /tmp/installed
grep -q 'sudo pistreamer key' /tmp/installed
grep -q 'http://pi.local:8000/' /tmp/installed
systemctl is-active pistreamer
systemctl is-enabled pistreamer
key=$(key)
[ ${#key} = 26 ]
if grep -q "$key" /tmp/installed; then exit 1; fi
systemctl show --property=StatusText pistreamer
until_true is_live
id pistreamer | grep video | grep render

say "what it serves and to whom"
curl --silent --fail --user "camera:$key" "$url/" >/tmp/page
grep -q pi-camera /tmp/page
refuses wrong
lets_in "$key"
snapshot "$key"

say "the keys, by root"
pistreamer key >/tmp/said 2>/tmp/errors
grep -q "$state" /tmp/errors
grep -q '#code=' /tmp/said
pistreamer key rotate 2>/dev/null
new=$(key)
[ "$new" != "$key" ]
until_true lets_in "$new"
refuses "$key"
pistreamer key add door --role view 2>/dev/null
pistreamer key remove door 2>/dev/null
[ -z "$(find "$state" ! -user pistreamer)" ]
[ "$(stat -c %a "$state")" = 700 ]
systemctl restart pistreamer
lets_in "$new"

say "what the log says"
journalctl --output=cat --unit=pistreamer | tee /tmp/log | tail -n 20
grep -q 'sudo pistreamer key' /tmp/log
if grep -Eq '^20[0-9]{2}-' /tmp/log; then exit 1; fi
# It has no camera, which is worth a warning.
if grep -E 'WARN|ERROR' /tmp/log | grep -v 'showing the test pattern'; then exit 1; fi

say "who announces it"
until_true sh -c "journalctl --output=cat --unit=pistreamer | grep 'announced on the local network, by avahi-daemon'"

say "how open the service is"
systemd-analyze security --no-pager --threshold=20 pistreamer | tail -n 1

say "another configuration is read"
[ "$(stat -c '%a %U %G' "$configuration")" = '640 root pistreamer' ]
printf '[[camera]]\nid = "door"\nsource = "pattern"\n' >>"$configuration"
systemctl reload pistreamer
until_true is_live door

say "a server that hangs is started again"
mkdir -p /run/systemd/system/pistreamer.service.d
printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=2\n' >/run/systemd/system/pistreamer.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart pistreamer
sleep 5
restarts 0
kill -STOP "$(systemctl show --property=MainPID --value pistreamer)"
until_true restarts 1
until_true lets_in "$new"
rm -r /run/systemd/system/pistreamer.service.d
systemctl daemon-reload

say "an upgrade keeps state and configuration"
sign_in "$new"
is_signed_in
before=$(systemctl show --property=MainPID --value pistreamer)
dpkg -i /packages/new.deb
[ "$(systemctl show --property=MainPID --value pistreamer)" != "$before" ]
lets_in "$new"
is_signed_in
grep -q door "$configuration"
[ "$(stat -c '%a %U %G' "$configuration")" = '640 root pistreamer' ]
[ "$(dpkg-query --show --showformat='${Version}' pistreamer)" != 0.0.1 ]

say "removed, it leaves its state; installed again, it has it"
dpkg -r pistreamer
if systemctl is-active pistreamer; then exit 1; fi
[ -e "$state/keys.json" ]
[ -e "$configuration" ]
dpkg -i /packages/new.deb
lets_in "$new"

say "purged, it leaves nothing"
dpkg -P pistreamer
purged

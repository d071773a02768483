#!/bin/bash
# What packaging/test-arm64.sh looks at in a Debian that has not started.
# shellcheck source=packaging/inside.sh
. /usr/local/lib/inside.sh
log() { tail -n 40 /tmp/log; }
# What the unit says, by hand.
start() {
    install -d -o pistreamer -g pistreamer -m 700 "$state"
    STATE_DIRECTORY=$state LD_PRELOAD=/usr/lib/udmabuf-shim.so setpriv --reuid=pistreamer --regid=pistreamer --init-groups \
        pistreamer >>/tmp/log 2>&1 &
    server=$!
}
stop() {
    kill "$server"
    wait "$server"
}
shows() {
    curl --silent --fail --output /tmp/status "$url/api/v1/status?key=$key"
    grep -q "$1" /tmp/status
}
# ends_with STATUS COMMAND...
ends_with() {
    local wanted=$1 status=0
    shift
    "$@" || status=$?
    [ "$status" = "$wanted" ]
}

say "installed, on $(uname -m)"
dpkg -i /packages/old.deb
pistreamer --version
id pistreamer | grep video | grep render

say "programs that drive cameras: one that this libcamera is for, and others that lack theirs"
ls /usr/lib/*/libcamera.so.0.*
for version in 0.5 0.6 0.7; do
    ends_with 127 /usr/lib/pistreamer/camera-$version 2>/tmp/said </dev/null
    cat /tmp/said
    grep -q "libcamera.so.$version: cannot open shared object file" /tmp/said
done
LD_PRELOAD=/usr/lib/udmabuf-shim.so pistreamer cameras >/tmp/cameras
cat /tmp/cameras
grep -q 'libcamera:Bars' /tmp/cameras

say "the camera and the test pattern are shown"
printf '[[camera]]\nid = "bars"\nsource = "libcamera:Bars"\n\n[[camera]]\nid = "door"\nsource = "pattern"\n' >>"$configuration"
start
until_true test -e "$state/keys.json"
key=$(key)
[ ${#key} = 26 ]
until_true lets_in "$key"
refuses wrong
until_true snapshot "$key" door
until_true snapshot "$key" bars
until_true shows 'Test bars (external)'
sign_in "$key"
is_signed_in

say "an upgrade keeps state and configuration"
stop
dpkg -i /packages/new.deb
[ "$(dpkg-query --show --showformat='${Version}' pistreamer)" != 0.0.1 ]
[ "$(stat -c '%a %U %G' "$configuration")" = '640 root pistreamer' ]
start
until_true lets_in "$key"
is_signed_in
[ "$(key)" = "$key" ]
until_true snapshot "$key" door
until_true snapshot "$key" bars
stop
[ -z "$(find "$state" ! -user pistreamer)" ]

say "removed, it leaves its state; purged, it leaves nothing"
dpkg -r pistreamer
[ ! -e /usr/bin/pistreamer ]
[ ! -e /usr/lib/pistreamer ]
[ -e "$state/keys.json" ]
[ -e "$configuration" ]
dpkg -P pistreamer
purged

#!/bin/bash
# Has programs for 64-bit ARM serve under an emulator, and looks at them with clients of this machine: curl, and
# examples/frames.py, which unpacks with Python's gzip and decodes with Pillow.
#
#     tools/serves.sh EMULATOR PROGRAM CAMERAS SYSTEM
#
# EMULATOR is qemu-aarch64 with its options, PROGRAM the server. CAMERAS has a program for each version of libcamera, and
# SYSTEM is a Debian for ARM with these libraries, of which nothing else is used.
set -Eeuo pipefail
emulator=$1 program=$2 cameras=$3 system=$4
here=$(cd "$(dirname "$0")/.." && pwd)
libraries=/usr/aarch64-linux-gnu
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
trap 'echo "FAILED at line $LINENO: $BASH_COMMAND"; tail -n 40 "$work/log"' ERR
say() { printf '\n== %s\n' "$*"; }

# An installed server, without a program for a camera yet.
mkdir -p "$work/usr/bin" "$work/usr/lib/pistreamer" "$work/pictures"
ln "$program" "$work/usr/bin/pistreamer" 2>/dev/null || cp "$program" "$work/usr/bin/pistreamer"

# pistreamer ARGUMENTS...: the program.
# shellcheck disable=SC2086 # words
pistreamer() { $emulator -L "$libraries" "$work/usr/bin/pistreamer" "$@"; }

# serve FLAGS...: starts it, and waits until it says its address: $host.
serve() {
    rm -f "$work/said"
    mkfifo "$work/said"
    exec 3<>"$work/said"
    # shellcheck disable=SC2086
    $emulator -L "$libraries" "$work/usr/bin/pistreamer" --listen 127.0.0.1:0 --state-dir "$work/state" "$@" \
        >&3 2>"$work/log" &
    server=$!
    read -r -t 120 line <&3
    host=${line##*://}
    host=${host%%/*}
}
# It ends in good order when it is told to.
stop() {
    kill -TERM "$server"
    wait "$server"
    server=
}
status() { curl --silent --max-time 60 --output /dev/null --write-out '%{http_code}' "$@"; }
# frames SIZE URL: ten of them, of that size.
frames() {
    timeout 120 /usr/bin/python3 "$here/examples/frames.py" "$2" 10 | tee "$work/frames"
    [ "$(grep -c "^frame .*: $1, " "$work/frames")" = 10 ]
}
# picture FILE: its size, and the red of its first pixel.
picture() {
    djpeg -pnm -outfile "$work/decoded" "$1"
    # Behind a header of 15 bytes.
    echo "$(sed -n '2{p;q}' "$work/decoded") $(od -An -tu1 -j 15 -N 1 "$work/decoded" | tr -d ' ')"
}

say "the test pattern, to those who have the key"
serve --source pattern --size 640x360 --fps 5
key=$(pistreamer key --state-dir "$work/state" | awk '$1 == "owner" { print $3 }')
[ ${#key} = 26 ]
[ "$(status "http://$host/snapshot.jpg")" = 401 ]
[ "$(status --user "camera:$key" "http://$host/api/v1/status")" = 200 ]
frames 640x360 "ws://$host/ws?key=$key"
for number in 1 2 3; do
    curl --silent --fail --max-time 60 --output "$work/pictures/$number.jpg" "http://$host/snapshot.jpg?key=$key"
done
[[ $(picture "$work/pictures/3.jpg") = '640 360 '* ]]
stop

say "files, encrypted"
serve --source "files:$work/pictures" --fps 5 --tls self-signed --no-auth
certificate=$work/state/tls-cert.pem
[ "$(status --cacert "$certificate" "https://$host/api/v1/status")" = 200 ]
SSL_CERT_FILE=$certificate frames 640x360 "wss://$host/ws"
SSL_CERT_FILE=$certificate pistreamer grab "https://$host/" --count 3 --out "$work/grabbed"
[ "$(find "$work/grabbed" -name '*.jpg' | wc -l)" = 3 ]
stop

say "what the doctor says"
# It cannot start a second one, which only the emulator can.
pistreamer doctor --seconds 1 >"$work/report" || :
grep "built for aarch64" "$work/report"
grep -A 10 ^benchmark "$work/report"
grep -q 'at 30 frames a second: ' "$work/report"

# Memory of cameras, and which virtual ones there are.
tests=$here/server/tests/libcamera
aarch64-linux-gnu-gcc -O2 -fPIC -shared -o "$work/shim.so" "$tests/udmabuf-shim.c" -ldl
for camera in "$cameras"/camera-*; do
    version=${camera##*/camera-}
    say "a camera of libcamera $version"
    rm -f "$work/usr/lib/pistreamer"/*
    # The server starts it as it is, and only the emulator can run it.
    cat >"$work/usr/lib/pistreamer/camera-$version" <<END
#!/bin/sh
exec $emulator -L '$system' -E LD_PRELOAD='$work/shim.so' -E LIBCAMERA_VIRTUAL_YAML='$tests/virtual.yaml' '$camera'
END
    chmod +x "$work/usr/lib/pistreamer/camera-$version"
    serve --source libcamera --size 640x480 --fps 10 --no-auth
    frames 640x480 "ws://$host/ws"
    curl --silent --fail --max-time 60 "http://$host/api/v1/status" | grep -q 'Test bars (external)'
    curl --silent --fail --max-time 60 --output "$work/picture.jpg" "http://$host/snapshot.jpg"
    # The first of the bars is white.
    [ "$(picture "$work/picture.jpg")" = '640 480 255' ]
    grep "libcamera v$version\." "$work/log" | head -n 1
    stop
done

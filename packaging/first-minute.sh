#!/bin/sh
# The first minute of somebody who has a Raspberry Pi and a phone: the package is installed in a Debian that starts with systemd,
# `pistreamer key` shows a QR code, a program reads it from a picture of the terminal, and a browser as large as a phone's opens
# what it says, from another machine: this one. As root.
#
#     packaging/first-minute.sh PACKAGE DIRECTORY PHONE
#
# PHONE is the program that opens a link. The Debian is made in DIRECTORY once, as packaging/test.sh does it.
set -eu
package=$1 directory=$2 phone=$3
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=packaging/container.sh
. "$here/container.sh"
debian bookworm avahi dbus,avahi-daemon

# A wire to it. An address for documentation (RFC 5737), so that nothing of this machine's networks is in the way.
network=pistreamer-$$
container=
trap 'touch "$root/seen"; [ -z "$container" ] || wait "$container" || :; ip netns del "$network"' EXIT
ip netns add "$network"
ip link add "pist$$" type veth peer name wire netns "$network"
ip addr add 198.51.100.1/30 dev "pist$$"
ip link set "pist$$" up
ip -n "$network" addr add 198.51.100.2/30 dev wire
ip -n "$network" link set wire up
ip -n "$network" link set lo up

start test-inside-phone.sh --network-namespace-path="/run/netns/$network"
until [ -e "$root/is-shown" ]; do
    kill -0 "$container" 2>/dev/null || finished
    sleep 0.2
done
cat "$root/shown"

# What the terminal shows, each character as two modules above each other, eight pixels wide, with a quiet zone.
python3 - "$root/shown" "$directory/shown.pgm" <<'END'
import sys
rows = []
for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip("\n")
    if line and not set(line) - set(" █▀▄"):
        rows.append([character in "█▀" for character in line])
        rows.append([character in "█▄" for character in line])
width, edge = max(map(len, rows)), 4
rows = [row + [False] * (width - len(row)) for row in rows]
blank, sides = [[False] * (width + 2 * edge)] * edge, [False] * edge
rows = blank + [sides + row + sides for row in rows] + blank
pixels = b"".join(bytes(255 * light for light in row for _ in range(8)) * 8 for row in rows)
with open(sys.argv[2], "wb") as picture:
    picture.write(b"P5 %d %d 255\n" % (8 * len(rows[0]), 8 * len(rows)) + pixels)
END
link=$(zbarimg --quiet --nodbus --raw "$directory/shown.pgm")
echo "the QR code says $link"
case $link in
"http://198.51.100.2:8000/#code="*) ;;
*) exit 1 ;;
esac
"$phone" "$link"

#!/bin/sh
# Makes a Debian package of built programs. ./dev package calls it.
#
#     packaging/deb.sh ARCHITECTURE PROGRAM CAMERAS GENERATED VERSION DIRECTORY
#
# CAMERAS has a program for each version of libcamera; GENERATED has man/, the completions bash, zsh and fish, and the notices
# THIRD-PARTY-ARCHITECTURE. The same input makes the same bytes: dates come from SOURCE_DATE_EPOCH.
set -eu
architecture=$1 program=$2 cameras=$3 generated=$4 version=$5 directory=$6
here=$(cd "$(dirname "$0")" && pwd)
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
put() { install -D -m "$1" "$2" "$root/$3"; }

put 755 "$program" usr/bin/pistreamer
for camera in "$cameras"/camera-*; do put 755 "$camera" "usr/lib/pistreamer/$(basename "$camera")"; done
put 644 "$here/pistreamer.service" usr/lib/systemd/system/pistreamer.service
put 644 "$here/sysusers.conf" usr/lib/sysusers.d/pistreamer.conf
put 640 "$here/pistreamer.toml" etc/pistreamer/pistreamer.toml
put 644 "$generated/bash" usr/share/bash-completion/completions/pistreamer
put 644 "$generated/zsh" usr/share/zsh/vendor-completions/_pistreamer
put 644 "$generated/fish" usr/share/fish/vendor_completions.d/pistreamer.fish
doc=usr/share/doc/pistreamer
put 644 "$generated/THIRD-PARTY-$architecture" $doc/THIRD-PARTY
gzip -9n "$root/$doc/THIRD-PARTY"
put 644 "$here/debian/lintian-overrides" usr/share/lintian/overrides/pistreamer
for page in "$generated"/man/*.1; do
    put 644 "$page" "usr/share/man/man1/$(basename "$page")"
    gzip -9n "$root/usr/share/man/man1/$(basename "$page")"
done
licence=$(sed -e '1,2d' -e 's/^/ /' -e 's/^ $/ ./' "$here/../LICENSE-MIT")
awk -v licence="$licence" '/^@LICENSE-MIT@$/ { print licence; next } { print }' "$here/debian/copyright" >"$root/$doc/copyright"
maintainer='pistreamer <maintainers@pistreamer.example>'
date=$(date --utc --date="@$SOURCE_DATE_EPOCH" --rfc-email)
printf 'pistreamer (%s) unstable; urgency=medium\n\n  * See %s.\n\n -- %s  %s\n' "$version" \
    "/$doc/CHANGELOG.md.gz" "$maintainer" "$date" | gzip -9n >"$root/$doc/changelog.gz"
gzip -9n <"$here/../CHANGELOG.md" >"$root/$doc/CHANGELOG.md.gz"
chmod 644 "$root/$doc"/*

mkdir "$root/DEBIAN"
for script in preinst postinst prerm postrm; do install -m 755 "$here/debian/$script" "$root/DEBIAN/$script"; done
printf '/etc/pistreamer/pistreamer.toml\n' >"$root/DEBIAN/conffiles"
# What its programs need.
glibc=$(find "$root/usr" -type f -perm -u=x -exec readelf --version-info {} + | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' |
    sort -uV | tail -n 1)
cat >"$root/DEBIAN/control" <<END
Package: pistreamer
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6 (>= $glibc), libgcc-s1 (>= 4.2), systemd | systemd-standalone-sysusers
Recommends: avahi-daemon, libcamera-ipa
Section: video
Priority: optional
Homepage: https://github.com/pistreamer/pistreamer
Description: Raspberry Pi's camera in a browser
 One program captures, encodes and serves the newest frame of each camera to any
 browser of the network, over a WebSocket, as an MJPEG stream and as snapshots.
 .
 Nobody gets in without a key: "sudo pistreamer key" shows links and a code to
 scan with a phone.
END
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
# dpkg-deb compresses without regard to what a program's bytes are. xz knows jumps of these machines, which takes a twentieth off; those
# of arm64 only since 5.4, which not every system has that can unpack this.
case $architecture in
amd64) filter=--x86 ;;
armhf) filter=--arm ;;
*) filter= ;;
esac
dpkg-deb --root-owner-group -Znone --build "$root" "$work/plain.deb" >/dev/null
cd "$work"
ar x plain.deb
# With more threads, what xz writes may depend on their number.
# shellcheck disable=SC2086 # none or one word
xz --threads=1 --check=crc32 $filter --lzma2=preset=9e control.tar data.tar
deb=$directory/pistreamer_${version}_$architecture.deb
rm -f "$deb"
ar qcD "$deb" debian-binary control.tar.xz data.tar.xz

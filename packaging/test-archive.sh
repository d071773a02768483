#!/bin/sh
# Whether the archive's program needs nothing of a system: it is started in a directory that has nothing else. As root.
#
#     packaging/test-archive.sh ARCHIVE DIRECTORY
set -eu
archive=$1 directory=$2
rm -rf "$directory"
mkdir -p "$directory/root"
tar -C "$directory" --strip-components=1 -xf "$archive"
cd "$directory"
ls README.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY CHANGELOG.md service/pistreamer.service man/pistreamer.1 completions/pistreamer.bash
case $archive in
*-amd64.tar.xz) machine=X86-64 ;;
*-arm64.tar.xz) machine=AArch64 ;;
esac
readelf --file-header pistreamer | grep "Machine: .*$machine"
if readelf --program-headers --dynamic pistreamer | grep -E 'INTERP|NEEDED'; then exit 1; fi
cp pistreamer root/
chroot root /pistreamer --version
# A network and processes of its own, which end with it. /proc says what the program is, and what it is called in its texts.
mkdir root/proc
# shellcheck disable=SC2016 # the inner shell has them
unshare --net --pid --fork --kill-child --mount sh -euc '
    mount -t proc proc root/proc
    ip link set lo up
    chroot root /pistreamer --state-dir /state --listen 127.0.0.1:8000 >log 2>&1 &
    trap "cat log" EXIT
    tries=0
    until curl --silent --fail --output snapshot.jpg --user \
        "camera:$(chroot root /pistreamer key --state-dir /state 2>/dev/null | awk "\$1 == \"owner\" { print \$3 }")" \
        http://127.0.0.1:8000/snapshot.jpg; do
        tries=$((tries + 1))
        [ $tries -lt 300 ]
        sleep 0.2
    done
'
file snapshot.jpg | grep -E 'JPEG image data.* 1280x720'

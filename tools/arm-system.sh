#!/bin/bash
# Takes the libraries of a Debian 13 for 64-bit ARM that libcamera needs, in two versions of it, into a folder: 0.4, which
# Debian 13 has, and 0.7 of its backports. Nothing of it is run here. ./dev test arm calls it.
#
#     tools/arm-system.sh DIRECTORY
set -euo pipefail
directory=$1
[ ! -e "$directory/taken" ] || exit 0
rm -rf "$directory"
mkdir -p "$directory"
# shellcheck disable=SC2016 # the fields are apt's
archive=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
    awk '$2 == "Debian" && $3 == "Debian" && !found { print $1; found = 1 }')
if [ -z "$archive" ]; then
    echo "apt knows no Debian archive on this machine, which libcamera for ARM would come from" >&2
    exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in trixie trixie-backports; do
    echo "deb [signed-by=$keyring] $archive $suite main"
done >"$directory/sources.list"
mmdebstrap --arch=arm64 --variant=extract --include=libcamera0.4,libcamera0.7 \
    --aptopt='APT::Install-Recommends "false"' trixie "$directory/system.tar" - <"$directory/sources.list"
tar -C "$directory" -x -f "$directory/system.tar" --wildcards \
    './usr/lib/ld-linux-aarch64.so.*' './usr/lib/aarch64-linux-gnu/*.so*'
rm "$directory/system.tar"
ln -s usr/lib "$directory/lib"
ls "$directory"/lib/aarch64-linux-gnu/libcamera.so.0.4 "$directory"/lib/aarch64-linux-gnu/libcamera.so.0.7
touch "$directory/taken"

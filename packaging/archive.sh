#!/bin/sh
# Makes an archive of a static program for Linux, for systems without a package. ./dev package calls it.
#
#     packaging/archive.sh ARCHITECTURE PROGRAM GENERATED VERSION DIRECTORY
#
# GENERATED is as packaging/deb.sh has it, with the notices THIRD-PARTY-static-ARCHITECTURE. The same input makes the same bytes
# here, too.
set -eu
architecture=$1 program=$2 generated=$3 version=$4 directory=$5
here=$(cd "$(dirname "$0")" && pwd)
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=pistreamer-$version-linux-$architecture
put() { install -D -m "$1" "$2" "$work/$name/$3"; }

put 755 "$program" pistreamer
put 644 "$here/archive.md" README.md
for file in CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do put 644 "$here/../$file" "$file"; done
put 644 "$generated/THIRD-PARTY-static-$architecture" THIRD-PARTY
for file in pistreamer.service pistreamer.toml sysusers.conf; do put 644 "$here/$file" "service/$file"; done
for page in "$generated"/man/*.1; do put 644 "$page" "man/$(basename "$page")"; done
for shell in bash zsh fish; do put 644 "$generated/$shell" "completions/pistreamer.$shell"; done
tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu -cf "$work/tar" "$name"
# With more threads, what xz writes may depend on their number.
xz --threads=1 -9 <"$work/tar" >"$directory/$name.tar.xz"

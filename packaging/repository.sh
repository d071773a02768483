#!/bin/sh
# Makes a signed apt repository of static files from packages. ./dev package repository calls it.
#
#     packaging/repository.sh PACKAGES DIRECTORY KEY
#
# KEY is what gpg knows the signing key by. It writes DIRECTORY/pool, dists/stable and pistreamer.asc, the public key.
set -eu
packages=$1 directory=$2 key=$3
# What is served stays as it is until the new one is whole.
new=$directory.new old=$directory.old from=$PWD
rm -rf "$new" "$old"
mkdir -p "$new/pool"
cp "$packages"/*.deb "$new/pool/"
cd "$new"
dist=dists/stable
for architecture in amd64 arm64 armhf; do
    index=$dist/main/binary-$architecture
    mkdir -p "$index"
    apt-ftparchive --arch "$architecture" packages pool >"$index/Packages"
    gzip -9nk "$index/Packages"
done
date=$(date --utc --date="@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S UTC')
apt-ftparchive -o APT::FTPArchive::Release::Origin=pistreamer -o APT::FTPArchive::Release::Label=pistreamer \
    -o APT::FTPArchive::Release::Suite=stable -o APT::FTPArchive::Release::Codename=stable \
    -o APT::FTPArchive::Release::Architectures="amd64 arm64 armhf" -o APT::FTPArchive::Release::Components=main \
    release $dist | sed "s/^Date: .*/Date: $date/" >Release
mv Release $dist/Release
gpg --batch --yes --local-user "$key" --clearsign --output $dist/InRelease $dist/Release
gpg --batch --yes --local-user "$key" --armor --detach-sign --output $dist/Release.gpg $dist/Release
gpg --batch --yes --armor --export "$key" >pistreamer.asc
cd "$from"
[ ! -e "$directory" ] || mv "$directory" "$old"
mv "$new" "$directory"
rm -rf "$old"

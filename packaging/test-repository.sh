#!/bin/sh
# Whether apt takes a package from a repository as packaging/repository.sh makes it, and refuses one that was changed.
#
#     packaging/test-repository.sh PACKAGES DIRECTORY
set -eu
packages=$1 directory=$2
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$directory"
mkdir -p "$directory/gpg" "$directory/apt/lists/partial" "$directory/apt/cache/archives/partial"
GNUPGHOME=$directory/gpg
export GNUPGHOME
chmod 700 "$GNUPGHOME"
trap 'gpgconf --kill gpg-agent' EXIT
gpg --batch --quiet --passphrase '' --quick-generate-key test@pistreamer.example ed25519 sign never
"$here/repository.sh" "$packages" "$directory/served" test@pistreamer.example
echo "deb [signed-by=$directory/served/pistreamer.asc] file:$directory/served stable main" >"$directory/apt/list"
: >"$directory/apt/status"
# apt with nothing of this machine.
apt() {
    apt-get -q -o Dir::Etc::sourcelist="$directory/apt/list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$directory/apt/lists" -o Dir::State::status="$directory/apt/status" \
        -o Dir::Cache="$directory/apt/cache" -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any "$@"
}
apt update
(cd "$directory" && apt download pistreamer:amd64)
cmp "$directory"/pistreamer_*_amd64.deb "$directory"/served/pool/pistreamer_*_amd64.deb
# One that cannot be signed takes no other's place.
if "$here/repository.sh" "$packages" "$directory/served" nobody@pistreamer.example; then
    echo "a repository is made without a key"
    exit 1
fi
if PISTREAMER_SIGNING_KEY=nobody@pistreamer.example "$here/../dev" package repository; then
    echo "./dev says that a repository is made without a key"
    exit 1
fi
apt update
sed -i 's/^Description: .*/Description: another program/' "$directory"/served/dists/stable/main/binary-amd64/Packages
rm "$directory"/served/dists/stable/main/binary-amd64/Packages.gz
rm -rf "$directory/apt/lists"
mkdir -p "$directory/apt/lists/partial"
if apt update; then
    echo "an index that was changed is taken"
    exit 1
fi

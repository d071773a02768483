#!/bin/sh
# Prepares libcamera with virtual cameras in a folder of its own, for the tests, CI and developers without a camera.
#
#     tools/libcamera.sh PREFIX
#
# Nobody needs this to run pistreamer. Afterwards `. PREFIX/env.sh` makes builds and tests find it. Where pkg-config
# already knows libcamera 0.4 or newer, that one is used and nothing is built; else it is built from upstream's sources in
# Debian's source package (2 to 5 minutes, 2 MB). Nothing outside PREFIX is changed, least of all apt's configuration, and
# no root is needed. Running it again costs nothing.
set -eu

VERSION=0.7.2
# Of libcamera_VERSION.orig.tar.gz.
SHA256=e27f5670fe9443eebc8e2f24235cd20b533324ef481a3684d34c78f1c3a12afb

say() { printf '%s\n' "libcamera: $*"; }
die() {
    printf '%s\n' "libcamera: $*" >&2
    exit 1
}

case ${1-} in
'' | -*) die "usage: tools/libcamera.sh PREFIX" ;;
/*) prefix=$1 ;;
*) prefix=$PWD/$1 ;;
esac
support=$(cd "$(dirname "$0")/../server/tests/libcamera" && pwd)
work=$prefix/build

# --- The source package ----------------------------------------------------------------------------------------------

# apt with lists and caches of its own. It sees the archive that this machine's apt has Debian's packages from, and there
# only the source packages of the suites that have a libcamera 0.7.
private_apt() {
    command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o APT::Sandbox::User="$(id -un)" -o APT::Get::List-Cleanup=1 -q "$@"
}

write_sources() {
    # shellcheck disable=SC2016 # the fields are apt's
    archive=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
    [ -n "$archive" ] || die "apt on this machine knows no Debian archive to take the source from.
Install libcamera 0.4 or newer with its headers, or run 'apt-get update' if that was never done."
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    signed=
    [ -e $keyring ] && signed="[signed-by=$keyring] "
    for suite in forky sid; do
        printf 'deb-src %s%s %s main\n' "$signed" "$archive" "$suite"
    done >"$work/apt/sources.list"
}

# The pinned version, whose sources have to be those that are pinned. Once Debian has dropped it, the newest 0.7 that can
# really be had, which only Debian vouches for: archives drop old versions before their lists do.
download() {
    say "fetching Debian's source package"
    write_sources
    private_apt apt-get update >"$work/log" 2>&1 || failed "fetching the package lists"
    known=$(private_apt apt-cache showsrc --only-source libcamera 2>/dev/null |
        sed -n 's/^Version: \(0\.7\..*\)/\1/p' | sort -ruV)
    pinned=$(echo "$known" | grep "^$VERSION-" || :)
    cd "$work"
    for version in $pinned $known; do
        private_apt apt-get source --download-only "libcamera=$version" >>"$work/log" 2>&1 || continue
        release=${version%-*}
        sources=$(find . -maxdepth 1 -name "libcamera_$release.orig.tar.*z*" ! -name '*.asc')
        if [ "$release" != "$VERSION" ]; then
            say "NOT CHECKED: Debian has libcamera $release in place of the pinned $VERSION. Put $release and this into $0:
    $(sha256sum "$sources")"
        elif ! echo "$SHA256  $sources" | sha256sum --check --status; then
            die "$work/$sources is not what it was when it was pinned: its SHA-256 is
    $(sha256sum "$sources" | cut -d ' ' -f 1) and not
    $SHA256"
        fi
        rm -rf "$work/source"
        mkdir "$work/source"
        # Debian's patches are for its own tests and packages.
        tar -x -f "$sources" -C "$work/source" --strip-components=1 >>"$work/log" 2>&1 || failed "unpacking"
        return
    done
    failed "fetching the source package of libcamera 0.7 (found: ${known:-none})"
}

# --- The build -------------------------------------------------------------------------------------------------------

failed() {
    tail -n 25 "$work/log" >&2
    die "$1 failed; all of it is in $work/log"
}

# Scripts of libcamera run `env python3`: with a pyenv or venv first on PATH, Debian's Python modules would not be seen.
# Compiler flags of the caller are meant for something else.
clean() { env -u CFLAGS -u CXXFLAGS -u LDFLAGS -u PKG_CONFIG_PATH -u PYTHONPATH PATH=/usr/bin:/bin "$@"; }

check_tools() {
    missing=
    for tool in g++ meson ninja pkg-config dpkg-source; do
        clean sh -c "command -v $tool" >/dev/null || missing="$missing $tool"
    done
    for module in yaml jinja2 ply; do
        clean python3 -c "import $module" 2>/dev/null || missing="$missing python3-$module"
    done
    # Without libudev, libcamera finds no camera at all on a machine without media devices, not even virtual ones.
    for library in yaml-0.1 libudev; do
        clean pkg-config --exists "$library" || missing="$missing $library"
    done
    [ -e /usr/include/libyuv.h ] || missing="$missing libyuv"
    [ -z "$missing" ] || die "missing:$missing. On Debian:
    apt-get install --no-install-recommends g++ meson ninja-build pkg-config python3-yaml python3-jinja2 python3-ply \\
        libyaml-dev libyuv-dev libudev-dev dpkg-dev"
}

build() {
    check_tools
    mkdir -p "$work"
    download
    say "building; $work/log tells how far it is"
    rm -rf "$work/out"
    clean meson setup "$work/out" "$work/source" --prefix="$prefix" --libdir=lib --buildtype=release \
        -Dauto_features=disabled -Dudev=enabled -Dpipelines=virtual,uvcvideo -Dipas= -Dtest=false \
        --wrap-mode=nodownload >>"$work/log" 2>&1 || failed "configuring"
    clean ninja -C "$work/out" -j "$(nproc)" >>"$work/log" 2>&1 || failed "compiling"
    clean meson install -C "$work/out" --no-rebuild >>"$work/log" 2>&1 || failed "installing"
    rm -rf "$work"
    echo "$prefix" >"$prefix/built"
}

# --- What the tests need besides -------------------------------------------------------------------------------------

compile_shim() {
    mkdir -p "$prefix/lib"
    cc -O2 -Wall -Wextra -Werror -fPIC -shared -o "$prefix/lib/udmabuf-shim.so.new" "$support/udmabuf-shim.c" -ldl ||
        die "compiling udmabuf-shim.c failed"
    mv "$prefix/lib/udmabuf-shim.so.new" "$prefix/lib/udmabuf-shim.so"
    cp "$support/udmabuf-shim.c" "$prefix/lib/"
}

# Written last: who finds it finds everything.
write_env() {
    {
        echo "# Made by tools/libcamera.sh: . this file before cargo builds or tests with --features libcamera."
        echo "export PISTREAMER_TEST_LIBCAMERA='$prefix'"
        if [ "$1" = own ]; then
            echo "export PKG_CONFIG_PATH='$prefix/lib/pkgconfig'\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}"
            echo "export LD_LIBRARY_PATH='$prefix/lib'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
        fi
    } >"$prefix/env.sh.new"
    mv "$prefix/env.sh.new" "$prefix/env.sh"
}

mkdir -p "$prefix"
# The library knows where it lies: a checkout that was moved builds it again.
if [ "$(cat "$prefix/built" 2>/dev/null)" = "$prefix" ]; then
    kind=own
elif pkg-config --atleast-version=0.4 libcamera 2>/dev/null; then
    say "using this machine's libcamera $(pkg-config --modversion libcamera)"
    kind=system
else
    build
    kind=own
fi
# Kept beside the library to tell whether it is the one that the library was made of.
if ! cmp -s "$support/udmabuf-shim.c" "$prefix/lib/udmabuf-shim.c"; then compile_shim; fi
write_env $kind
say "ready: . $prefix/env.sh"

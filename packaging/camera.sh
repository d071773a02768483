#!/bin/sh
# Builds the program that drives cameras, for one version of libcamera. ./dev package calls it, with Cargo's environment set.
#
#     packaging/camera.sh VERSION TARGET TOOLS DIRECTORY PROGRAM
#
# TARGET is Rust's name of the machine, TOOLS what the names of its C tools begin with. What is built on the way lies in
# DIRECTORY. Only headers are needed: vendor/libcamera has them. What there is to link to is made here, of the names that the
# program asks for; a system's libcamera has them when the program starts, or the dynamic linker says that it doesn't.
set -eu
version=$1 target=$2 tools=$3 directory=$4 program=$5
cd "$(dirname "$0")/.."
headers=$PWD/vendor/libcamera/$version/include
library=$directory/libcamera-$version/$target
mkdir -p "$library"
release=$(sed -n 's/^#define LIBCAMERA_VERSION_[A-Z]*[[:space:]]*\([0-9]*\)$/\1/p' "$headers/libcamera/version.h" | paste -sd .)
cat >"$library/libcamera.pc" <<END
Name: libcamera
Description: headers of libcamera $release
Version: $release
Libs: -L$library -lcamera
Cflags: -I$headers
END
build() {
    PKG_CONFIG_PATH='' PKG_CONFIG_ALLOW_CROSS=1 PKG_CONFIG_LIBDIR=$library cargo build --profile camera --locked -p pistreamer-local-camera \
        --features libcamera --target "$target" --target-dir "$directory" "$@"
}
build --lib
# shellcheck disable=SC2012 # the names are Cargo's
shim=$(ls -t "$directory/$target"/camera/build/libcamera-sys-*/out/libcamera_c_api.a | head -n 1)
"${tools}nm" --undefined-only --format=posix "$shim" | awk '$2 == "U" && /9libcamera/ { print $1 }' | LC_ALL=C sort -u >"$library/names"
[ -s "$library/names" ]
sed 's/.*/    .globl &\n&:/' "$library/names" >"$library/libcamera.s"
"${tools}gcc" -shared -nostdlib -Wl,-soname,"libcamera.so.$version" -o "$library/libcamera.so" "$library/libcamera.s"
build --bin pistreamer-camera
cp "$directory/$target/camera/pistreamer-camera" "$program"
"${tools}readelf" --dynamic "$program" | grep -q "NEEDED.*libcamera\.so\.$version\]"

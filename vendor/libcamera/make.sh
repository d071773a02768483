#!/bin/sh
# Makes the headers of one release, from a checkout of libcamera.
#
#     vendor/libcamera/make.sh CHECKOUT TAG
#
# It needs what tools/libcamera.sh needs to build libcamera.
set -eu
checkout=$1 tag=$2
release=${tag#v}
release=${release%.*}
to=$(cd "$(dirname "$0")" && pwd)/$release/include/libcamera
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
git -C "$checkout" archive "$tag" | tar -x -C "$work/source"
# Releases before 0.7 look for libyuv, which only the virtual cameras themselves need, by a file that Debian's has not.
printf 'Name: libyuv\nDescription: libyuv\nVersion: 0\nLibs: -lyuv\n' >"$work/libyuv.pc"
PKG_CONFIG_PATH=$work meson setup "$work/out" "$work/source" -Dauto_features=disabled -Dudev=enabled \
    -Dpipelines=virtual,uvcvideo -Dipas= -Dtest=false --wrap-mode=nodownload
set -- control_ids property_ids formats libcamera
for name; do ninja -C "$work/out" "include/libcamera/$name.h"; done
rm -rf "$to"
mkdir -p "$to/base"
for name in camera camera_manager color_space controls fence framebuffer framebuffer_allocator geometry logging orientation \
    pixel_format request stream transform; do
    cp "$work/source/include/libcamera/$name.h" "$to/"
done
# 0.4 has the first one.
for name in compiler bound_method class flags object shared_fd signal span unique_fd; do
    header=$work/source/include/libcamera/base/$name.h
    [ ! -e "$header" ] || cp "$header" "$to/base/"
done
for name in version "$@"; do cp "$work/out/include/libcamera/$name.h" "$to/"; done

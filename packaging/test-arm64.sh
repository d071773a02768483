#!/bin/sh
# Installs the package for 64-bit ARM in a Debian of that architecture, and looks whether it does what it promises. As root, and
# where this machine runs such programs (packaging/emulated.sh).
#
#     packaging/test-arm64.sh PACKAGE DIRECTORY
#
# systemd does not start under qemu, so that the service is started by hand there.
set -eu
package=$1 directory=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=packaging/container.sh
. "$here/container.sh"
# Debian 13 has libcamera 0.4.
debian trixie arm64-camera systemd-standalone-sysusers,libcamera-ipa arm64
cameras aarch64-linux-gnu-gcc
older
run test-inside-arm64.sh

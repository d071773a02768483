#!/bin/sh
# Installs the package in Debians that start with systemd, and looks whether it does what it promises. As root.
#
#     packaging/test.sh PACKAGE DIRECTORY [OLDER]
#
# Each Debian is made in DIRECTORY once. OLDER is a package of a version before, which is upgraded as well.
set -eu
package=$1 directory=$2 older=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=packaging/container.sh
. "$here/container.sh"

echo "an ARMv6 is refused ..."
printf '#!/bin/sh\necho armv6l\n' >"$directory/uname"
chmod +x "$directory/uname"
if said=$(PATH=$directory:$PATH sh "$here/debian/preinst" install 2>&1); then
    echo "it is not"
    exit 1
fi
echo "$said" | grep -q 'needs an ARMv7'
sh "$here/debian/preinst" install

debian bookworm avahi dbus,avahi-daemon
older
boot test-inside.sh

# Debian 13 has libcamera 0.4.
debian trixie camera libcamera-ipa,procps
cameras cc
boot test-inside-camera.sh

if [ "$older" ]; then
    echo "an upgrade from $older ..."
    debian bookworm avahi dbus,avahi-daemon
    cp "$older" "$root/packages/old.deb"
    boot test-inside-upgrade.sh
fi

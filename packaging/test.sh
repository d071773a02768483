#!/bin/sh
# Installs the package in a Debian that starts with systemd, and looks whether it does what it promises. As root.
#
#     packaging/test.sh PACKAGE DIRECTORY
#
# The Debian is made in DIRECTORY once, and copied from there. It has no network but its own loopback.
set -eu
package=$1 directory=$2
here=$(cd "$(dirname "$0")" && pwd)
# What is looked at here holds for each later version.
debian=$directory/bookworm-with-avahi.tar
mkdir -p "$directory"
if [ ! -e "$debian" ]; then
    echo "making a Debian ..."
    mmdebstrap --quiet --format=tar --variant=minbase --include=systemd,systemd-sysv,curl,dbus,avahi-daemon bookworm "$debian.new"
    mv "$debian.new" "$debian"
fi
root=$directory/root
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$debian"

echo "an ARMv6 is refused ..."
printf '#!/bin/sh\necho armv6l\n' >"$directory/uname"
chmod +x "$directory/uname"
if said=$(PATH=$directory:$PATH sh "$here/debian/preinst" install 2>&1); then
    echo "it is not"
    exit 1
fi
echo "$said" | grep -q 'needs an ARMv7'
sh "$here/debian/preinst" install

# The same one as of an older version.
mkdir "$root/packages" "$root/packages/old"
cp "$package" "$root/packages/new.deb"
dpkg-deb --raw-extract "$package" "$root/packages/old"
sed -i 's/^Version: .*/Version: 0.0.1/' "$root/packages/old/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip --build "$root/packages/old" "$root/packages/old.deb" >/dev/null
rm -rf "$root/packages/old"
install -m 755 "$here/test-inside.sh" "$root/usr/local/bin/test-inside"
cat >"$root/etc/systemd/system/test-inside.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=300
ExecStart=/bin/sh -c '/usr/local/bin/test-inside >/result.log 2>&1 && touch /result.ok'
ExecStopPost=/bin/systemctl --no-block poweroff
END
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../test-inside.service "$root/etc/systemd/system/multi-user.target.wants/test-inside.service"
echo pi >"$root/etc/hostname"
timeout 400 systemd-nspawn --register=no --keep-unit --quiet --private-network --directory="$root" --boot \
    >"$directory/boot.log" 2>&1 </dev/null || :
cat "$root/result.log"
[ -e "$root/result.ok" ]

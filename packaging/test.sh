#!/bin/sh
# Installs the package in Debians that start with systemd, and looks whether it does what it promises. As root.
#
#     packaging/test.sh PACKAGE DIRECTORY
#
# Each Debian is made in DIRECTORY once, and copied from there. It has no network but its own loopback.
set -eu
package=$1 directory=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$directory"

# debian SUITE WITH PACKAGES: a fresh one, in $root, kept under a name that says with what.
debian() {
    made=$directory/$1-with-$2.tar
    if [ ! -e "$made" ]; then
        echo "making a Debian ($1) ..."
        mmdebstrap --quiet --format=tar --variant=minbase --include="systemd,systemd-sysv,curl,$3" "$1" "$made.new"
        mv "$made.new" "$made"
    fi
    root=$directory/root
    rm -rf "$root"
    mkdir "$root"
    tar -C "$root" -xf "$made"
    mkdir "$root/packages"
    cp "$package" "$root/packages/new.deb"
    echo pi >"$root/etc/hostname"
}

# boot SCRIPT: starts it, and has it run the script.
boot() {
    install -m 755 "$here/$1" "$root/usr/local/bin/test-inside"
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
    timeout 400 systemd-nspawn --register=no --keep-unit --quiet --private-network --directory="$root" --boot \
        >"$directory/boot.log" 2>&1 </dev/null || :
    cat "$root/result.log"
    [ -e "$root/result.ok" ]
}

echo "an ARMv6 is refused ..."
printf '#!/bin/sh\necho armv6l\n' >"$directory/uname"
chmod +x "$directory/uname"
if said=$(PATH=$directory:$PATH sh "$here/debian/preinst" install 2>&1); then
    echo "it is not"
    exit 1
fi
echo "$said" | grep -q 'needs an ARMv7'
sh "$here/debian/preinst" install

# What is looked at here holds for each later version.
debian bookworm avahi dbus,avahi-daemon
# The same one as of an older version.
mkdir "$root/packages/old"
dpkg-deb --raw-extract "$package" "$root/packages/old"
sed -i 's/^Version: .*/Version: 0.0.1/' "$root/packages/old/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip --build "$root/packages/old" "$root/packages/old.deb" >/dev/null
rm -rf "$root/packages/old"
boot test-inside.sh

# Debian 13 has libcamera 0.4. Its virtual cameras need a device for their memory, or what stands in for it.
debian trixie camera libcamera-ipa,procps
mkdir -p "$root/usr/share/libcamera/pipeline/virtual"
cp "$here/../server/tests/libcamera/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/"
cc -O2 -fPIC -shared -o "$root/usr/lib/udmabuf-shim.so" "$here/../server/tests/libcamera/udmabuf-shim.c" -ldl
boot test-inside-camera.sh

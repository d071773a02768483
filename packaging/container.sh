# shellcheck shell=sh disable=SC2154 # by whom it is sourced
# What the tests of packages start: small Debians in $directory, each made once and copied from there. They have no network
# but their own loopback. Sourced, by a script that has set $here, $directory and $package.
mkdir -p "$directory"

# debian SUITE WITH PACKAGES [ARCHITECTURE]: a fresh one with the package in it, in $root. It is kept under a name that says
# with what, and starts with systemd where it is this machine's architecture.
debian() {
    made=$directory/$1-with-$2.tar
    if [ ! -e "$made" ]; then
        echo "making a Debian ($1${4:+ for $4}) ..."
        # An emulated one takes seconds for each package more.
        if [ "${4:-}" ]; then how="--architectures=$4 --variant=essential" includes=curl,$3
        else how=--variant=minbase includes=curl,systemd,systemd-sysv,$3; fi
        # shellcheck disable=SC2086 # one option or two
        mmdebstrap --quiet --format=tar $how --include="$includes" "$1" "$made.new"
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

# put_inside SCRIPT: the script, and what all of them begin with.
put_inside() {
    install -m 755 "$here/$1" "$root/usr/local/bin/test-inside"
    install -m 644 "$here/inside.sh" "$root/usr/local/lib/inside.sh"
}

# older: the same package as of an older version, beside it. What is looked at there holds for each later version.
older() {
    mkdir "$root/packages/old"
    dpkg-deb --raw-extract "$package" "$root/packages/old"
    sed -i 's/^Version: .*/Version: 0.0.1/' "$root/packages/old/DEBIAN/control"
    dpkg-deb --root-owner-group -Zgzip --build "$root/packages/old" "$root/packages/old.deb" >/dev/null
    rm -rf "$root/packages/old"
}

# cameras COMPILER: virtual cameras for its libcamera, which need a device for their memory, or what stands in for it.
cameras() {
    mkdir -p "$root/usr/share/libcamera/pipeline/virtual"
    cp "$here/../server/tests/libcamera/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/"
    "$1" -O2 -fPIC -shared -o "$root/usr/lib/udmabuf-shim.so" "$here/../server/tests/libcamera/udmabuf-shim.c" -ldl
}

# start SCRIPT OPTIONS...: starts it in the background, as $container, and has it run the script.
start() {
    put_inside "$1"
    shift
    cat >"$root/etc/systemd/system/test-inside.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=300
ExecStart=/bin/sh -c '/usr/local/bin/test-inside >/result.log 2>&1 && touch /result.ok'
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../test-inside.service "$root/etc/systemd/system/multi-user.target.wants/test-inside.service"
    timeout 400 systemd-nspawn --register=no --keep-unit --quiet "$@" --directory="$root" --boot \
        >"$directory/boot.log" 2>&1 </dev/null &
    container=$!
}

# finished: waits for its end, and says how it went.
finished() {
    wait "$container" || :
    cat "$root/result.log" || cat "$directory/boot.log"
    [ -e "$root/result.ok" ]
}

# boot SCRIPT: both.
boot() {
    start "$1" --private-network
    finished
}

# run SCRIPT: has it run in $root without starting that, and says how it went.
run() {
    put_inside "$1"
    timeout 900 systemd-nspawn --register=no --keep-unit --quiet --private-network --as-pid2 --pipe --directory="$root" \
        /usr/local/bin/test-inside
}

#!/bin/bash
# Runs a program of this machine under a Debian kernel that has cameras: vivid, which is virtual, and uvcvideo, for USB cameras
# that come over vhci_hcd. QEMU emulates the machine. Its files are this machine's, which it cannot change; only /run is its own.
#
#     tools/camera-vm.sh DIRECTORY COMMAND [ARGUMENT...]
#
# DIRECTORY keeps the kernel and its modules for the next time. Ends with the program's status; with 125 where it did not run.
# Port 8000 of the program is CAMERA_VM_PORT of this machine's loopback, where that is set. It reaches nothing else.
set -euo pipefail
lab=$1
shift
mkdir -p "$lab"
lab=$(realpath "$lab")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The kernel, its modules, and a first program that loads what is needed to reach this machine's files.
prepare() {
    local first=$work/first image
    image=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
    # The directory is root's own, so that apt fetches as root.
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$image")
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" --wildcards \
        './boot/vmlinuz-*' '*/drivers/media/*' '*/drivers/usb/*' '*/drivers/virtio/*' \
        '*/drivers/net/virtio_net.*' '*/net/core/failover.*' '*/drivers/net/net_failover.*' '*/net/9p/*' '*/fs/9p/*' '*/fs/netfs/*' '*/fs/fscache/*'
    mkdir -p "$first"/{bin,dev,proc,sys,root,modules}
    cp "$(command -v busybox)" "$first/bin/busybox"
    for module in virtio_pci virtio_net 9pnet_virtio 9p vivid uvcvideo vhci_hcd; do
        add "$first/modules" "$module"
    done
    init >"$first/init"
    chmod +x "$first/init"
    cp "$work"/boot/vmlinuz-* "$lab/vmlinuz"
    (cd "$first" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/first.gz"
    mv "$work/first.gz" "$lab/first.gz"
}

# add DIRECTORY MODULE: puts a module there, after those that it says it needs, unless it is a part of the kernel.
add() {
    local file needed
    [ ! -f "$1/$2.ko" ] || return 0
    file=$(find "$work" -name "$2.ko*" -o -name "${2//_/-}.ko*" | head -n 1)
    [ -n "$file" ] || return 0
    case $file in
    *.xz) xz -dc "$file" >"$1/$2.ko" ;;
    *) cp "$file" "$1/$2.ko" ;;
    esac
    for needed in $(tr '\0' '\n' <"$1/$2.ko" | sed -n 's/^depends=//p' | tr ',-' ' _'); do
        add "$1" "$needed"
    done
    echo "$2" >>"$1/order"
}

# What the machine does first. The tests load vivid themselves, as they need it.
init() {
    cat <<'INIT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t sysfs sys /sys
for module in $(cat /modules/order); do
    [ "$module" = vivid ] || insmod "/modules/$module.ko"
done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=1048576,cache=loose host /root || poweroff -f
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount --move /dev /root/dev
mount -t tmpfs tmp /root/run
mkdir /root/run/vm
mount -t 9p -o trans=virtio,version=9p2000.L out /root/run/vm
cp -r /modules /root/run/modules
ip link set lo up
# As QEMU's own network has it, where there is one.
[ ! -e /sys/class/net/eth0 ] || { ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up; }
chroot /root /bin/bash /run/vm/run
echo "camera-vm: $?"
poweroff -f
INIT
}

[ -f "$lab/first.gz" ] || prepare
mkdir "$work/out"
{
    printf 'cd %q\n' "$PWD"
    printf 'export CAMERA_VM_MODULES=/run/modules TMPDIR=/run HOME=/run PATH=%q LD_LIBRARY_PATH=%q\n' \
        "$PATH" "${LD_LIBRARY_PATH:-}"
    printf '%q ' "$@"
    echo
} >"$work/out/run"
network=none
[ -z "${CAMERA_VM_PORT:-}" ] ||
    network=user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:$CAMERA_VM_PORT-10.0.2.15:8000
# Emulated, because a machine that has KVM is not what the tests run on everywhere.
timeout "${CAMERA_VM_SECONDS:-300}" qemu-system-x86_64 -M q35,accel=tcg -cpu max -smp 2 -m 1536 -display none -monitor none \
    -serial stdio -no-reboot -nic "$network" \
    -kernel "$lab/vmlinuz" -initrd "$lab/first.gz" -append "console=ttyS0 quiet panic=-1" \
    -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
    -device virtio-9p-pci,fsdev=host,mount_tag=host \
    -fsdev "local,id=out,path=$work/out,security_model=none" -device virtio-9p-pci,fsdev=out,mount_tag=out \
    </dev/null | tr -d '\r' | tee "$work/console" || true
status=$(sed -n 's/^camera-vm: \([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
exit "${status:-125}"

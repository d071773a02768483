#!/bin/sh
# Runs a command while this machine runs programs for 64-bit ARM as if they were its own, by qemu. As root.
#
#     packaging/emulated.sh COMMAND...
#
# It ends with 77 where the kernel takes no such registration, as in most containers.
set -eu
kernel=/proc/sys/fs/binfmt_misc name=pistreamer-$$
mounted=
if [ ! -e $kernel/register ]; then
    mount -t binfmt_misc binfmt_misc $kernel || exit 77
    mounted=yes
fi
# What Debian registers at a start of the machine. F: the kernel opens qemu now, so that it need not be in a chroot.
given=$(sed "s/^:qemu-aarch64:/:$name:/" /usr/lib/binfmt.d/qemu-aarch64.conf)
case $given in
:"$name":*:*F*) ;;
*) exit 77 ;;
esac
echo "$given" >$kernel/register || exit 77
trap '
    echo -1 >$kernel/$name
    [ -z "$mounted" ] || umount $kernel || :
' EXIT
"$@"

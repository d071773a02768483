#!/bin/bash
# What the machine with cameras does for the test: serves its webcam, and follows orders, which are files that appear in /run/vm.
#
#     guest.sh PISTREAMER
set -eu

driver() {
    printf vivid.0 >"/sys/bus/platform/drivers/vivid/$1"
}

serve() {
    "$program" --listen 0.0.0.0:8000 --no-auth --state-dir /run/state --source v4l2 --size 640x360 --fps 10 &
    server=$!
}

program=$1
busybox insmod "$CAMERA_VM_MODULES/vivid.ko" n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0
serve
while [ ! -e /run/vm/end ]; do
    for order in restart unplug plug; do
        [ -e "/run/vm/$order" ] || continue
        case $order in
        restart)
            kill "$server"
            wait "$server" || true
            serve
            ;;
        unplug)
            v4l2-ctl --device /dev/video0 --set-ctrl disconnect=1
            driver unbind
            ;;
        plug) driver bind ;;
        esac
        mv "/run/vm/$order" "/run/vm/$order.done"
    done
    sleep 0.2
done

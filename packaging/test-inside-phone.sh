#!/bin/bash
# What happens inside packaging/first-minute.sh's container: what somebody types who has just got a Raspberry Pi.
# shellcheck source=packaging/inside.sh
. /usr/local/lib/inside.sh
apt-get install --yes --no-install-recommends /packages/new.deb
pistreamer key >/shown
touch /is-shown
while [ ! -e /seen ]; do sleep 0.2; done

#!/bin/bash
# What packaging/test.sh looks at inside a container where a package of an older version is upgraded.
# shellcheck source=packaging/inside.sh
. /usr/local/lib/inside.sh

say "an older version with keys, a device, and a configuration"
dpkg -i /packages/old.deb
until_true systemctl is-active pistreamer
pistreamer --version
pistreamer key add door --role view >/tmp/added 2>/dev/null
door=$(awk '$1 == "door" { print $3 }' /tmp/added)
[ "$door" ]
key=$(key)
[ "$key" ]
until_true lets_in "$door"
sign_in "$key"
is_signed_in
printf '[[camera]]\nid = "door"\nsource = "pattern"\n' >>"$configuration"
until_true is_live door
before=$(systemctl show --property=MainPID --value pistreamer)

say "upgraded"
# The configuration was changed here, and may have been in the package.
dpkg --force-confold -i /packages/new.deb
pistreamer --version
[ "$(systemctl show --property=MainPID --value pistreamer)" != "$before" ]
[ "$(key)" = "$key" ]
lets_in "$key"
lets_in "$door"
refuses wrong
is_signed_in
until_true is_live door
snapshot "$key" door
[ "$(stat -c '%a %U %G' "$configuration")" = '640 root pistreamer' ]
systemctl is-enabled pistreamer

# shellcheck shell=bash disable=SC2034 # by whom it is sourced
# What the scripts begin with that look at a package inside a container.
set -Eeuo pipefail
trap 'echo "FAILED at line $LINENO, called from ${BASH_LINENO[*]}: $BASH_COMMAND"; log' ERR
say() { printf '\n== %s\n' "$*"; }
log() { journalctl --no-pager -u pistreamer | tail -n 40; }
# until_true COMMAND...: within half a minute.
until_true() {
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    "$@"
}
url=http://127.0.0.1:8000
state=/var/lib/pistreamer
configuration=/etc/pistreamer/pistreamer.toml
key() { pistreamer key 2>/dev/null | awk '$1 == "owner" { print $3 }'; }
lets_in() { curl --silent --fail --output /dev/null "$url/api/v1/status?key=$1"; }
refuses() { [ "$(curl --silent --output /dev/null --write-out '%{http_code}' "$url/api/v1/status?key=$1")" = 401 ]; }
# snapshot KEY [CAMERA]: of the first camera, or of this one.
snapshot() {
    curl --silent --fail --output /tmp/snapshot "$url/snapshot.jpg?key=$1${2:+&camera=$2}"
    head -c 2 /tmp/snapshot | od -An -tx1 | grep -q 'ff d8'
}
# is_live [CAMERA]: as the service's state says.
is_live() { systemctl show --property=StatusText pistreamer | grep -q "${1:+$1 }live"; }
# sign_in KEY, is_signed_in: as a browser that keeps a cookie.
sign_in() {
    curl --silent --fail --cookie-jar /tmp/cookies --header 'Content-Type: application/json' --data "{\"key\": \"$1\"}" "$url/api/v1/session"
}
is_signed_in() { curl --silent --fail --cookie /tmp/cookies "$url/api/v1/session" | grep -q '"role"'; }
purged() {
    [ ! -e $state ]
    [ ! -e /etc/pistreamer ]
    if find / -xdev -name '*pistreamer*' -not -path '/proc/*' -not -path '/var/lib/dpkg/*' -not -path '/sys/*' |
        grep -v '^/tmp\|^/var/log\|^/packages'; then
        return 1
    fi
}

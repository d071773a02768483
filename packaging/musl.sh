#!/bin/sh
# Makes what compiles C for a program with musl in it. ./dev package calls it.
#
#     packaging/musl.sh ARCHITECTURE DIRECTORY
#
# It writes DIRECTORY/cc: gcc, that of a cross compiler where need be, with the headers of Debian's musl-dev. Debian has these for
# every architecture, but no compiler with them. They come through apt, which checks them, into that directory alone, and
# DIRECTORY/copyright has musl's notices.
set -eu
architecture=$1 directory=$2
case $architecture in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) exit 1 ;;
esac
[ ! -x "$directory/cc" ] || exit 0
rm -rf "$directory"
mkdir -p "$directory/apt/lists/partial" "$directory/apt/cache/archives/partial" "$directory/root"
: >"$directory/apt/status"
# apt with nothing of this machine but its sources.
apt() {
    apt-get -q -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
        -o Dir::State::lists="$directory/apt/lists" -o Dir::State::status="$directory/apt/status" \
        -o Dir::Cache="$directory/apt/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update
(cd "$directory/apt" && apt download "musl-dev:$architecture")
dpkg-deb --extract "$directory"/apt/musl-dev_*.deb "$directory/root"
rm -r "$directory/apt"
cp "$directory/root/usr/share/doc/musl-dev/copyright" "$directory/copyright"
# musl's own way to use gcc, with its paths moved.
sed "s|/usr/|$directory/root/usr/|g" "$directory/root/usr/lib/$machine-linux-musl/musl-gcc.specs" >"$directory/specs"
cat >"$directory/cc.new" <<WRAPPER
#!/bin/sh
exec $machine-linux-gnu-gcc "\$@" -specs "$directory/specs"
WRAPPER
chmod 755 "$directory/cc.new"
mv "$directory/cc.new" "$directory/cc"

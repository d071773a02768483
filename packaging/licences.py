#!/usr/bin/env python3
"""Prints the notices of everything that the program contains, the viewer included.

    packaging/licences.py TARGET

Most licences ask for them beside a binary. They come from the sources that Cargo.lock names.
"""

import collections
import json
import pathlib
import subprocess
import sys


def crates(package, target):
    """The crates that a package of this workspace is made of for a target, itself and build tools left out."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    # The programs that drive cameras have it.
    command += ["--features", "pistreamer-local-camera/libcamera"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {one["id"]: one for one in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    wanted = [one for one in packages if packages[one]["name"] == package]
    seen = set()
    while wanted:
        one = wanted.pop()
        if one in seen:
            continue
        seen.add(one)
        for dependency in nodes[one]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                wanted.append(dependency["pkg"])
    return [packages[one] for one in seen if packages[one]["source"]]


def texts(crate):
    directory = pathlib.Path(crate["manifest_path"]).parent
    for pattern in ["LICEN[CS]E*", "COPYING*", "NOTICE*", "*/LICENSE*", "*/README.ijg"]:
        for path in sorted(directory.glob(pattern)):
            if path.is_file():
                yield path.read_text(errors="replace").strip()


def main():
    parts = {}
    for package, target in [("pistreamer", sys.argv[1]), ("pistreamer-viewer", "wasm32-unknown-unknown")]:
        for crate in crates(package, target):
            parts[crate["name"], crate["version"]] = crate
    holders = collections.defaultdict(list)
    print("pistreamer contains these, under the licences beside them. Their texts and notices follow.\n")
    for (name, version), crate in sorted(parts.items()):
        print(f"{name} {version}: {crate['license']}")
        for text in texts(crate):
            if name not in holders[text]:
                holders[text].append(name)
    for text, names in sorted(holders.items(), key=lambda item: item[1]):
        print(f"\n{'=' * 100}\n{', '.join(names)}\n{'=' * 100}\n\n{text}")


main()

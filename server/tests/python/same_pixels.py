"""Compares pictures: Pillow has to see the same in each file as in the first of its group.

    same_pixels.py FOLDER       groups are NAME.*.jpg, first NAME.clean.jpg
"""

import pathlib
import sys

import PIL.Image
import PIL.ImageChops

for clean in sorted(pathlib.Path(sys.argv[1]).glob("*.clean.jpg")):
    name = clean.name.removesuffix(".clean.jpg")
    for other in sorted(clean.parent.glob(f"{name}.*.jpg")):
        one, two = (PIL.Image.open(file).convert("RGB") for file in (clean, other))
        assert one.size == two.size, f"{other.name}: {two.size}, not {one.size}"
        assert not PIL.ImageChops.difference(one, two).getbbox(), f"{other.name} looks different"
        print(other.name)

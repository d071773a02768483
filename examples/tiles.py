#!/usr/bin/env python3
"""Keeps a camera's picture up to date by what changed in it, and prints how many bytes that took.

    python3 tiles.py ws://raspberrypi.local:8000/ws [COUNT [FILE]]

Ends after COUNT frames, and writes the picture to FILE. Needs websockets and Pillow: apt install python3-websockets python3-pil
"""
import asyncio, base64, gzip, io, json, re, sys
import websockets
from PIL import Image


def runs(tiles):
    """Row in the mosaic, first strip and number of strips of each run, and one more with the number of all rows."""
    row = 0
    for before, strip, count in re.findall(r"([,;]?)(\d+)(?:\.(\d+))?", tiles):
        row += before == ";"  # A row between that is drawn nowhere.
        yield row, int(strip), int(count or 1)
        row += int(count or 1)
    yield row, 0, 0


async def main(url, count=0, file=None):
    picture, seen = None, 0
    async with websockets.connect(url + "?&"["?" in url] + "tiles=1", compression=None, max_size=16 << 20) as server:
        async for message in server:
            if isinstance(message, str):  # Also `unchanged`: then the picture is as new as that says.
                continue
            jpeg = base64.b64decode(gzip.decompress(message))
            image = Image.open(io.BytesIO(jpeg)).convert("RGB")
            stamp = dict(re.findall(r"(\S+)=(\S+)", re.search(rb"pistreamer/1 ([ -~]*)", jpeg).group(1).decode()))
            if "tiles" not in stamp:
                picture = image
            elif picture and stamp["size"] == "%dx%d" % picture.size and int(stamp["since"]) <= seen:
                *drawn, (rows, _, _) = runs(stamp["tiles"])
                width, height, columns = image.width, image.height // rows, -(-picture.width // image.width)
                for row, strip, below in drawn:
                    part = image.crop((0, row * height, width, (row + below) * height))
                    picture.paste(part, (strip % columns * width, strip // columns * height))
            else:  # Something is missing.
                await server.send(json.dumps({"type": "refresh"}))
                continue
            seen = int(stamp["seq"])
            print(f"frame {seen}: {len(jpeg)} bytes, {'parts' if 'tiles' in stamp else 'whole'}")
            await server.send(json.dumps({"type": "ack", "seq": seen}))
            count -= 1
            if count == 0:
                break
    if file:
        picture.save(file)


asyncio.run(main(*sys.argv[1:2], *map(int, sys.argv[2:3]), *sys.argv[3:]))

#!/usr/bin/env python3
"""Prints number, size and age of each frame.

    python3 frames.py ws://raspberrypi.local:8000/ws [COUNT]

Needs websockets and Pillow: apt install python3-websockets python3-pil
"""
import asyncio, base64, gzip, io, json, re, sys, time
import websockets
from PIL import Image


async def main(url, count=0):
    async with websockets.connect(url, compression=None, max_size=16 << 20) as server:
        async for message in server:
            if isinstance(message, str):  # What the server says: hello, state, skipped.
                print(message)
                continue
            jpeg = base64.b64decode(gzip.decompress(message))
            picture = Image.open(io.BytesIO(jpeg))
            picture.load()
            # The first comment in the JPEG; a camera may have put others there.
            stamp = dict(re.findall(r"(\S+)=(\S+)", re.search(rb"pistreamer/1 ([ -~]*)", jpeg).group(1).decode()))
            age_ms = (time.time() - int(stamp["captured-us"]) / 1e6) * 1000  # As good as the two clocks agree.
            print(f"frame {stamp['seq']}: {picture.width}x{picture.height}, {age_ms:.0f} ms old")
            # Without this line frames queue up in the network when this program is slow.
            await server.send(json.dumps({"type": "ack", "seq": int(stamp["seq"])}))
            count -= 1
            if count == 0:
                break


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))

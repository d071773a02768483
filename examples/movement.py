#!/usr/bin/env python3
"""Tells how much of the picture moves, with OpenCV.

    python3 movement.py ws://raspberrypi.local:8000/ws [COUNT]

Needs websockets and OpenCV: apt install python3-websockets python3-opencv
"""
import asyncio, json, re, sys
import cv2, numpy, websockets


async def main(url, count=0):
    # The plain JPEG: no gzip and base64 to undo.
    url += ("&" if "?" in url else "?") + "wire=jpeg"
    before = None
    async with websockets.connect(url, compression=None, max_size=16 << 20) as server:
        async for jpeg in server:
            if isinstance(jpeg, str):
                continue
            picture = cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
            picture = cv2.GaussianBlur(picture, (9, 9), 0)
            if before is not None and before.shape == picture.shape:
                moving = cv2.threshold(cv2.absdiff(before, picture), 15, 1, cv2.THRESH_BINARY)[1].mean()
                print(f"{moving:6.1%} of the picture moves")
                count -= 1
                if count == 0:
                    break
            before = picture
            seq = int(re.search(rb"pistreamer/1 .*?seq=(\d+)", jpeg).group(1))
            await server.send(json.dumps({"type": "ack", "seq": seq}))


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))

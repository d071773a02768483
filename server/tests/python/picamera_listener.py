"""The listening half of the recipe: verifies each picture with Pillow, and prints its size."""

import io
import socket
import struct

from PIL import Image

server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection = server.accept()[0].makefile("rb")
while True:
    length = struct.unpack("<L", connection.read(struct.calcsize("<L")))[0]
    if not length:
        break
    picture = connection.read(length)
    Image.open(io.BytesIO(picture)).verify()
    image = Image.open(io.BytesIO(picture))
    image.load()
    print(image.size, flush=True)

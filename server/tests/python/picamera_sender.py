"""The sending half of the "capture to a network stream" recipe in picamera's handbook, with files for a camera.

Usage: picamera_sender.py PORT FILE...
After each picture it waits for a line on standard input.
"""

import socket
import struct
import sys

client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection = client.makefile("wb")
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        picture = file.read()
    connection.write(struct.pack("<L", len(picture)))
    connection.flush()
    connection.write(picture)
    connection.flush()
    sys.stdin.readline()
connection.write(struct.pack("<L", 0))
connection.close()
client.close()

"""A camera that asks for Digest authentication (RFC 7616) of the user "me", and takes each nonce three times.

It ends when it is sent a password as it is. Usage: digest_server.py PASSWORD FILE ALGORITHM...
"""

import hashlib
import http.server
import os
import re
import secrets
import sys

password, path, algorithms = sys.argv[1], sys.argv[2], sys.argv[3:]
with open(path, "rb") as file:
    picture = file.read()
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
expected = max(algorithms, key=list(HASHES).index)
uses = {}


def hashed(text):
    return HASHES[expected](text.encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        given = self.headers.get("Authorization")
        if given is None:
            return self.ask(stale=False)
        scheme, _, rest = given.partition(" ")
        if scheme != "Digest":
            print("a password was sent as it is", flush=True)
            os._exit(1)
        answer = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]*))', rest)}
        if answer["nonce"] not in uses:
            return self.ask(stale=True)
        ha1 = hashed(f"me:{answer['realm']}:{password}")
        ha2 = hashed(f"GET:{self.path}")
        proof = hashed(":".join([ha1, answer["nonce"], answer["nc"], answer["cnonce"], "auth", ha2]))
        good = {
            "username": "me", "realm": "Cam, north", "uri": self.path, "qop": "auth", "opaque": "0paque",
            "algorithm": expected, "nc": f"{uses[answer['nonce']] + 1:08x}", "response": proof,
        }
        if good != {name: answer[name] for name in good}:
            return self.ask(stale=False)
        uses[answer["nonce"]] += 1
        if uses[answer["nonce"]] == 3:
            del uses[answer["nonce"]]
        self.send_response(200)
        if self.path.startswith("/stream"):
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
        else:
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

    def ask(self, stale):
        nonce = secrets.token_hex()
        uses[nonce] = 0
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="Cam, north"')
        for algorithm in algorithms:
            self.send_header(
                "WWW-Authenticate",
                f'Digest realm="Cam, north", qop="auth,auth-int", algorithm={algorithm}, nonce="{nonce}", '
                f'opaque="0paque", stale={str(stale).lower()}',
            )
        page = b"<html>Who are you?</html>"
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args):
        """Clients may leave at any moment."""


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()

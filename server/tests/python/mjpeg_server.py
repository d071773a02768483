"""A server like that of picamera2's mjpeg_server.py, which sends no Content-Length unless told by how much it is wrong.

An empty BOUNDARY_IN_HEADER is left out. Usage: mjpeg_server.py BOUNDARY_IN_HEADER DELIMITER LINE_END FILE [WRONG_BY]
"""

import http.server
import sys

boundary, delimiter, path = sys.argv[1], sys.argv[2], sys.argv[4]
end = sys.argv[3].encode().decode("unicode_escape").encode()
with open(path, "rb") as file:
    picture = file.read()
length = b""
if len(sys.argv) > 5:
    length = b"Content-Length: %d" % (len(picture) + int(sys.argv[5])) + end


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") != "Basic bWU6c0BmZQ==":
            self.send_error(401)
            return
        self.send_response(200)
        parameter = f"; boundary={boundary}" if boundary else ""
        self.send_header("Content-Type", f"multipart/x-mixed-replace{parameter}")
        # As some cameras write it.
        self.send_header("X-Camera ", "cam")
        self.end_headers()
        try:
            while True:
                self.wfile.write(delimiter.encode() + end)
                self.wfile.write(b"Content-Type: image/jpeg" + end + length + end)
                self.wfile.write(picture)
                self.wfile.write(end)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args):
        """Clients may leave at any moment."""


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()

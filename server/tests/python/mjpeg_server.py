"""A server like that of picamera2's mjpeg_server.py, which sends no Content-Length unless told to.

Usage: mjpeg_server.py BOUNDARY_IN_HEADER DELIMITER LINE_END FILE
"""

import http.server
import sys

boundary, delimiter, path = sys.argv[1], sys.argv[2], sys.argv[4]
end = sys.argv[3].encode().decode("unicode_escape").encode()
with open(path, "rb") as file:
    picture = file.read()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") != "Basic bWU6c0BmZQ==":
            self.send_error(401)
            return
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
        self.end_headers()
        try:
            while True:
                self.wfile.write(delimiter.encode() + end)
                self.wfile.write(b"Content-Type: image/jpeg" + end + end)
                self.wfile.write(picture)
                self.wfile.write(end)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()

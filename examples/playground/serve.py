"""Serves a folder to the browsers of this machine, and says where: python3 serve.py <folder> [--port N]"""

import argparse
import functools
import http.server
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # what is built anew is shown anew
        super().end_headers()

    def log_message(self, *_):
        pass


parser = argparse.ArgumentParser(prog="playground", description="Serves the playground to the browsers of this machine.")
parser.add_argument("folder", help=argparse.SUPPRESS)
parser.add_argument("--port", type=int, default=8000, help="8000 by default, or another where that is taken")
options = parser.parse_args()

handler = functools.partial(Handler, directory=options.folder)
try:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler)
except OSError:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(f"the playground is at http://localhost:{server.server_port}/ until Ctrl-C", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)

"""Serves a folder to the browsers of this machine, and says where: python3 serve.py <folder> [--port N]"""

import argparse
import functools
import http.server
import re
import sys
from pathlib import Path


class Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # what is built anew is shown anew
        super().end_headers()

    def log_message(self, *_):
        pass


def port(text):
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}, expected a whole number from 1 to 65535")
    return int(text)


def version():
    header = Path(__file__).resolve().parents[2] / "include/basin/version.hpp"
    return re.search(r'version_text = "(.*?)"', header.read_text()).group(1)


parser = argparse.ArgumentParser(prog="playground", description="Serves the playground to the browsers of this machine.")
parser.add_argument("folder", help=argparse.SUPPRESS)
parser.add_argument("--version", action="version", version=f"playground, basin {version()}")
parser.add_argument("--port", type=port, default=8000, help="8000 by default, or another where that is taken")
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

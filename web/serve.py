"""Shows the page that build.py made: python -m web.serve  ->  http://localhost:8000"""

import contextlib
import errno
import functools
import http.server
from pathlib import Path

from worldmodels.scripts.cli import Parser, UserError, positive_int, run

DIST = Path(__file__).resolve().parent / "dist"
PORT = 8000


class Handler(http.server.SimpleHTTPRequestHandler):
    """Says nothing, and has browsers ask again after a new build."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        pass


def make_server(folder, port):
    """A server of a built page on this machine alone; its serve_forever() serves. port: 0 for any that is free.

    UserError if the port is taken or the folder holds no page.
    """
    if not (folder / "index.html").exists():
        raise UserError(f"there is no page in {folder}: run `make web` first")
    try:
        return http.server.ThreadingHTTPServer(("localhost", port), functools.partial(Handler, directory=folder))
    except OverflowError:
        raise UserError(f"there is no port {port}: the last one is 65535") from None
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UserError(f"port {port} is taken or not allowed: choose another one (make web-serve PORT=8001)") from None


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=positive_int, default=PORT, help="where to serve it")
    server = make_server(DIST, parser.parse_args().port)
    with contextlib.suppress(KeyboardInterrupt):
        print(f"http://localhost:{server.server_port}  (Ctrl-C ends)", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    run(main)

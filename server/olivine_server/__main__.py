"""`python -m olivine_server [--tcp HOST:PORT]`: serve one client, over the standard streams or over TCP."""

from __future__ import annotations

import argparse
import sys

from .connection import Connection
from .lsp import Server


def main(arguments: list[str]) -> int:
    """Serve until the client leaves; the exit code."""
    parser = argparse.ArgumentParser(prog="olivine_server", description=(__doc__ or "").split(": ")[1])
    parser.add_argument("--stdio", action="store_true", help="what it does anyway; editors pass it")
    parser.add_argument("--tcp", type=address, metavar="HOST:PORT", help="wait there for one client")
    connection = Connection()
    server = Server(connection)
    return connection.serve(server.handlers, server.idle, parser.parse_args(arguments).tcp)


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `:PORT` or `PORT` as host and port; ValueError where the port is no number."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

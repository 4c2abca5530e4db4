"""`python -m olivine_server [--tcp HOST:PORT]`: serve one client, over the standard streams or over TCP."""

from __future__ import annotations

import argparse
import gc
import sys

GARBAGE = 200_000
"""Objects that may wait for the garbage collector: more than an edit of a long config makes. Hardly any is garbage."""
IMPORTING = 3_000
"""The same while modules are imported, which keep most of what they make: more would leave holes in the memory."""


def main(arguments: list[str]) -> int:
    """Serve until the client leaves; the exit code."""
    parser = argparse.ArgumentParser(prog="olivine_server", description=(__doc__ or "").split(": ")[1])
    parser.add_argument("--stdio", action="store_true", help="what it does anyway; editors pass it")
    parser.add_argument("--tcp", type=address, metavar="HOST:PORT", help="wait there for one client")
    given = parser.parse_args(arguments)
    gc.set_threshold(IMPORTING)
    from .connection import Connection
    from .lsp import Server

    connection = Connection()
    server = Server(connection)
    gc.freeze()
    gc.set_threshold(GARBAGE)
    return connection.serve(server.handlers, server.idle, given.tcp)


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `:PORT` or `PORT` as host and port; ValueError where the port is no number."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m olivine_server [--tcp HOST:PORT]`: serve one client, over the standard streams or over TCP."""

from __future__ import annotations

import sys
from typing import BinaryIO

from .lsp import Server
from .rpc import Connection


def main(arguments: list[str]) -> int:
    """Serve until the client leaves; the exit code."""
    if "--tcp" in arguments[:-1]:
        return _serve_tcp(arguments[arguments.index("--tcp") + 1])
    reader, writer = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what anything prints must not get into the protocol
    return _serve(reader, writer)


def _serve(reader: BinaryIO, writer: BinaryIO) -> int:
    connection = Connection(reader, writer)
    server = Server(connection)
    return connection.serve(server.handlers, server.idle)


def _serve_tcp(address: str) -> int:
    """Wait for one client at `HOST:PORT`."""
    import socket

    host, _, port = address.rpartition(":")
    with socket.create_server((host or "127.0.0.1", int(port))) as listener:
        print(f"listening on {':'.join(map(str, listener.getsockname()[:2]))}", file=sys.stderr, flush=True)
        client, _ = listener.accept()
        with client, client.makefile("rb") as reader, client.makefile("wb") as writer:
            return _serve(reader, writer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

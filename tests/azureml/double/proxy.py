"""A loopback CONNECT proxy that ends TLS for a closed list of host names and relays the bytes to local servers.

Any other host is refused and remembered, so that nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import fnmatch
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from .certificates import Certificates
from .faults import Cut, Faults

CHUNK = 1 << 16
HEAD_SECONDS = 30


class Proxy:
    """A proxy at 127.0.0.1:`port`; `routes` maps patterns of host names to local ports."""

    def __init__(self, certificates: Certificates, routes: Mapping[str, int], faults: Faults) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates.server, certificates.key)
        self._routes = routes
        self._faults = faults
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.refused: list[str] = []
        """Hosts that someone wanted to reach and could not."""
        self.sent: Counter[str] = Counter()
        """Bytes that clients got, by host."""
        self.port = 0
        self._plugged = True
        self._open: set[asyncio.StreamWriter] = set()
        threading.Thread(target=self._serve, daemon=True, name="proxy").start()
        assert self._ready.wait(10)

    def unplug(self) -> None:
        """Cut every connection, and the next ones, until it is plugged in again."""
        self._plugged = False

        def cut() -> None:
            for writer in self._open:
                writer.transport.abort()

        self._loop.call_soon_threadsafe(cut)

    def plug(self) -> None:
        """Serve again."""
        self._plugged = True

    def close(self) -> None:
        """Stop serving."""

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop)

    def _serve(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: asyncio.StreamWriter | None = None
        if not self._plugged:
            writer.transport.abort()
            return
        self._open.add(writer)
        with suppress(OSError, EOFError, asyncio.CancelledError, asyncio.TimeoutError, ValueError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            verb, place, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            host = place.rpartition(":")[0]
            port = next((port for pattern, port in self._routes.items() if fnmatch.fnmatch(host, pattern)), None)
            if verb != "CONNECT" or port is None:
                self.refused.append(place)
                writer.write(b"HTTP/1.1 502 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                return
            writer.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(self._tls)
            answers, upstream = await asyncio.open_connection("127.0.0.1", port)
            cut = self._faults.cut(host)
            up, down = (cut, None) if cut and cut.upwards else (None, cut)

            def count(size: int) -> None:
                self.sent[host] += size

            await asyncio.gather(_pump(reader, upstream, up, writer), _pump(answers, writer, down, upstream, count))
        self._open.discard(writer)
        for end in (writer, upstream):
            if end:
                with suppress(Exception):
                    end.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    cut: Cut | None,
    other: asyncio.StreamWriter,
    count: Callable[[int], None] = lambda size: None,
) -> None:
    """Relay one direction to its end, or to where it is cut."""
    left = cut.bytes if cut else None
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(CHUNK):
            if left is not None and len(data) > left:
                writer.write(data[:left])
                await writer.drain()
                await asyncio.sleep(cut.seconds if cut else 0)
                writer.transport.abort()
                other.transport.abort()
                return
            left = None if left is None else left - len(data)
            writer.write(data)
            count(len(data))
            await writer.drain()
    with suppress(Exception):
        writer.close()

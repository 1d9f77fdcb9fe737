"""A TCP proxy between one worker and the broker, which cuts, delays and blocks on demand.

It passes bytes in order and loses none: what TCP would bring late comes late, and what a broken
network would lose ends with the connection.
"""

import asyncio
import contextlib
from enum import Enum
from typing import Self


class Way(Enum):
    """In which direction bytes go, seen from the worker."""

    UP = "to the broker"
    DOWN = "to the worker"


class Proxy:
    """Listens on one port and forwards each connection to another on this machine."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._open = {way: asyncio.Event() for way in Way}
        self._delay_s = 0.0
        self._refusing = False
        self.heal()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        self.reset()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def reset(self) -> None:
        """End every connection at once."""
        for connection in self._connections:
            connection.cancel()

    def cut(self) -> None:
        """End every connection and take no new ones."""
        self._refusing = True
        self.reset()

    def delay(self, seconds: float) -> None:
        """Hold every piece for so long, both ways."""
        self._delay_s = seconds

    def block(self, way: Way) -> None:
        """Let nothing through in one direction; the other stays open."""
        self._open[way].clear()

    def heal(self) -> None:
        """Pass everything again. What was blocked ends by a reset, as a lost packet would."""
        if not all(each.is_set() for each in self._open.values()):
            self.reset()
        self._refusing, self._delay_s = False, 0.0
        for each in self._open.values():
            each.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
        try:
            if not self._refusing:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either side, or a fault, has ended the connection
        finally:
            if task is not None:
                self._connections.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._target)
        pumps = [
            asyncio.create_task(self._pump(reader, broker_writer, Way.UP)),
            asyncio.create_task(self._pump(broker_reader, writer, Way.DOWN)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*pumps, return_exceptions=True)
            broker_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        while data := await reader.read(256 * 1024):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._open[way].wait()
            writer.write(data)
            await writer.drain()

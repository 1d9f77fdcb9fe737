"""What the harness tells a running worker: by how much its clock is wrong, and where to die.

A small file that the harness replaces and the worker looks at some times a second.
"""

import os
import signal
import threading
import time
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tests.chaos.schedule import Point

_LOOK_S = 0.02


class Orders(msgspec.Struct, frozen=True):
    """`clock_ms` is added to the wall clock; at `point` the worker kills itself when it has come
    there `passes` times before, or with `stop` only stands still.
    """

    clock_ms: int = 0
    point: Point | None = None
    passes: int = 0
    stop: bool = False


def give(path: Path, orders: Orders) -> None:
    """Tell the worker, at once and as a whole."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(orders))
    new.replace(path)


def hits(path: Path) -> list[str]:
    """The points at which the worker killed itself, in order."""
    record = path.with_suffix(".hits")
    return record.read_text(encoding="ascii").split() if record.exists() else []


class Control:
    """The worker's side."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._orders = self._read = Orders()
        self._passed = 0
        self._real_ns = time.time_ns
        self._look()
        threading.Thread(target=self._watch, name="chaos-control", daemon=True).start()

    def bend_time(self) -> None:
        """From now on the wall clock of this process is as wrong as the orders say."""
        time.time_ns = lambda: self._real_ns() + self._orders.clock_ms * 1_000_000
        time.time = lambda: time.time_ns() / 1e9

    def at(self, point: Point) -> None:
        """Die here if that is ordered, without any farewell, or stand still until SIGCONT."""
        if self._orders.point != point:
            return
        self._passed += 1
        if self._passed <= self._orders.passes:
            return
        if self._orders.stop:
            self._orders = replace(self._orders, point=None)
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        with self._path.with_suffix(".hits").open("a", encoding="ascii") as record:
            record.write(f"{point}\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def _look(self) -> None:
        orders = msgspec.json.decode(self._path.read_bytes(), type=Orders)
        if orders != self._read:
            self._read = self._orders = orders
            self._passed = 0

    def _watch(self) -> None:
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
            self._look()
        os.kill(os.getpid(), signal.SIGKILL)  # the harness is gone

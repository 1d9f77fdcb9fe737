"""A log replayed on several cores.

Each process reads the log for itself and takes some partitions; what comes out is put by, and at
the end into one order, the one that a single process gives. Where it shows that partitions have
something to say to each other, one process takes all of them, from the beginning.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from journey_engine.decode.record import Record
from journey_engine.errors import DefinitionErrors
from journey_engine.run.definitions import load, load_topics
from journey_engine.run.log_files import read_once, read_records
from journey_engine.run.replay import ExchangedError, Replay
from journey_engine.run.summary import Summary
from journey_engine.run.written import Line, lines, put_by, taken_up, write_lines

LARGE_BYTES = 2 * 1024 * 1024
"""Below this size of a log another process costs more than it saves."""

Watch = Callable[[Iterable[Record]], Iterable[Record]]
"""Sees the log's records pass, to show progress."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is replayed: definitions, a log and its mapping, and up to when timers run."""

    topologies: Path
    schemas: Path
    events: tuple[Path, ...]
    mapping: Path | None = None
    until: int | None = None

    def processes(self) -> int:
        """As many as there are cores for us, for a log that is worth it."""
        size = sum(path.stat().st_size for path in self.events if path.exists())
        return _cores() if size >= LARGE_BYTES else 1


def replay(job: Job, directory: Path, processes: int, watch: Watch) -> Summary:
    """Replay the log on so many cores, and no more than there are partitions, and write its files;
    what it came to. A log that can be read only once is replayed on one.

    Raises:
        DefinitionErrors: the definitions or a line of the log are wrong.
        OSError: a file cannot be read or written.
    """
    processes = min(processes, load_topics(job.topologies).partitions)
    if processes > 1 and not read_once(job.events):
        with contextlib.suppress(ExchangedError):
            return _together(job, directory, processes, watch)
    written, summary = _share(job, 0, 1, watch)
    write_lines(written, directory)
    return summary


def _cores() -> int:
    """Those that this process may use, where the system tells which."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _together(job: Job, directory: Path, processes: int, watch: Watch) -> Summary:
    context = multiprocessing.get_context("spawn")
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".replay-", dir=directory) as folder:
        parts = [Path(folder) / str(number) for number in range(processes)]
        with ProcessPoolExecutor(processes - 1, context, _end_when_interrupted) as pool:
            with _interrupted_later():
                others = [
                    pool.submit(_whole_share, job, number, processes, part)
                    for number, part in enumerate(parts[1:], start=1)
                ]
            written, summary = _share(job, 0, processes, watch)
            put_by(written, parts[0])
            for other in others:
                summary.merge(other.result())
        write_lines(merge(*map(taken_up, parts), key=itemgetter(0, 1, 2)), directory)
    return summary


@contextlib.contextmanager
def _interrupted_later() -> Iterator[None]:
    """What starts in it begins with Ctrl-C put by: Python shows a traceback where its imports are
    interrupted.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_when_interrupted() -> None:
    """In another process than the first, which says what is to be said. A job of a shell's
    background ignores Ctrl-C, and so does what it starts.
    """
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _share(job: Job, number: int, shares: int, watch: Watch) -> tuple[Iterator[Line], Summary]:
    """The lines of every `shares`-th partition, and their summary once the lines are read."""
    defined = load(job.topologies, job.schemas)
    topics = defined.topics
    records = read_records(job.events, job.mapping, defined.schemas, topics, until=job.until)
    run = Replay(
        defined.plan,
        defined.schemas,
        [topic.name for topic in topics.inputs.values()],
        topics.partitions,
        value_bytes_max=topics.input_bytes_max,
        only=None if shares == 1 else frozenset(range(number, topics.partitions, shares)),
    )
    return lines(run.outputs(watch(records))), run.summary


def _whole_share(job: Job, number: int, shares: int, part: Path) -> Summary:
    """Put the lines by; their summary."""
    try:
        written, summary = _share(job, number, shares, iter)
        put_by(written, part)
    except DefinitionErrors:
        # The first process reads the same files and says what is wrong with them.
        return Summary()
    return summary

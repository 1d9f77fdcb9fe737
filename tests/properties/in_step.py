"""Both interpreters, fed the same: they must say the same."""

from typing import Any

from hypothesis import note

from tests.properties import authored
from tests.properties.cel_text import NotKnown
from tests.properties.core import Core, compiled
from tests.properties.generate import Definitions
from tests.properties.memory import Answer, Happened
from tests.properties.naive import Naive

AFTERWARDS = {"DELIVERED", "FAILED", "BOUNCED", "FALLBACK"}
"""What channels told of a message, which decides nothing by being told."""


_OF_GUARDS = ("GUARD_FALSE", "GUARD_ERROR")


class InStep:
    """The first answer on which they differ is the failure."""

    def __init__(self, given_: Definitions) -> None:
        self.naive = Naive(
            [authored.journey(each) for each in given_.journeys],
            authored.customer(given_.customer),
            authored.policies(given_.policies),
            authored.channels(given_.channels),
        )
        self.core = Core(compiled(given_))

    def take(self, event: Happened, now: int) -> Answer:
        note(f"{now}: {event}")
        answer = self.naive.take(event, now)
        return self._same(event.key, answer, self.core.take(event, now))

    def tick(self, key: str, up_to: int, now: int) -> Answer:
        note(f"{now}: timers of {key} up to {up_to}")
        answer = self.naive.tick(key, up_to, now)
        return self._same(key, answer, self.core.tick(key, up_to, now))

    def next_due(self, key: str) -> int | None:
        return self.naive.next_due(key)

    def known(self) -> list[str]:
        return self.naive.known()

    def _same(self, key: str, naive: Answer, core: Answer) -> Answer:
        assert core.outcome == naive.outcome
        assert core.transitions == naive.transitions
        assert len(core.entries) == len(naive.entries)
        assert all(map(_alike, core.entries, naive.entries))
        sends = [each for each in core.sends if each["outcome"] not in AFTERWARDS]
        assert _by(sends, "decision_id") == _by(naive.sends, "decision_id")
        assert _by(core.commands, "command_id") == _by(naive.commands, "command_id")
        assert set(core.fired) == set(naive.fired)
        if key in self.naive.people:
            assert self.core.next_due(key) == self.naive.next_due(key)
        return naive


class WithinBounds(InStep):
    """Ends the comparison (`NotKnown`) where the core reaches a bound on memory: the naive
    interpreter has none.
    """

    def _same(self, key: str, naive: Answer, core: Answer) -> Answer:
        if self.core.dropped:
            raise NotKnown(f"bounds: {', '.join(sorted(self.core.dropped))}")
        return super()._same(key, naive, core)


def _alike(core: tuple[str, str], naive: tuple[str, str]) -> bool:
    """Whether both say the same of an entry. Guards are asked before lateness is looked at, and of
    windows of days ago the core knows less than the naive interpreter, which forgets nothing.
    """
    refused = {core[1], naive[1]}
    return core == naive or (
        core[0] == naive[0] and "LATE" in refused and refused <= {"LATE", *_OF_GUARDS}
    )


def _by(records: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Within one decision the order of sends and commands is nobody's business."""
    return sorted(records, key=lambda record: str(record[name]))

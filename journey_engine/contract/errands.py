"""What a channel's sender is asked to do in a trial: commands as an engine writes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from journey_engine.contract.channels import Company
from journey_engine.contract.golden_commands import CANCEL, FULL, HOUR, example_command
from journey_engine.decide.decision import Command
from journey_engine.decode.partition import partition_of
from journey_engine.define.action_plan import ActionKind

LATER_MS: Final = 3_000
"""How long a command that is to be kept is kept."""


class Wants(StrEnum):
    """What should come back."""

    ANSWER = "answer"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Errand:
    """A command and what should come of it; `after` is the errand that must be answered first.

    It is written `times` times: the same id is the same command.
    """

    name: str
    about: str
    command: Command
    wants: Wants = Wants.ANSWER
    times: int = 1
    after: str | None = None


def answered_actions(company: Company, channel: str) -> list[ActionKind]:
    """What the channel takes and answers."""
    kinds = company.channels.get(channel, frozenset())
    return [kind for kind in ActionKind if kind in kinds and company.answers(kind)]


class Trial:
    """The errands of one trial of a channel, with one action. `run` tells their ids from those of
    other trials; `now` is in milliseconds.
    """

    def __init__(self, company: Company, channel: str, action: ActionKind, run: str) -> None:
        self._company = company
        self._channel = channel
        self._action = action
        self._run = run

    def first(self, now: int) -> Iterator[Errand]:
        """The one that shows whether the sender is there."""
        about = "it reads its topic from the beginning, and answers"
        yield Errand("there", about, self._command("there", now))

    def rest(self, now: int) -> Iterator[Errand]:
        """All others, to be written at once and in this order."""
        yield from self._everywhere(now)
        twice = self._command("twice", now)
        yield Errand("twice", "the same command twice is one", twice, times=2)
        expired = self._command("expired", now, not_after=now - 1)
        about = "what has expired is dropped"
        yield Errand("expired", about, expired, Wants.NOTHING)
        yield from self._kept(now)
        yield from self._in_order(now)
        full = self._command("every-field", now, **FULL)
        yield Errand("every-field", "every field set, data of each type", full)
        sparse = self._command("sparse", now, not_after=None)
        yield Errand("sparse", "null wherever the schema allows it", sparse)
        visitor = {"customer_id": None, "anonymous_id": f"{self._run}-visitor"}
        command = self._command("visitor", now, **visitor)
        yield Errand("visitor", "a visitor: the answer's key is the anonymous id", command)

    def _everywhere(self, now: int) -> Iterator[Errand]:
        partitions = self._company.topics.partitions
        for partition in range(partitions):
            customer = next(
                name
                for name in (f"{self._run}-{partition}-{n}" for n in range(1_000_000))
                if partition_of(name.encode(), partitions) == partition
            )
            name = f"partition-{partition}"
            command = self._command(name, now, customer_id=customer)
            yield Errand(name, f"partition {partition} is read", command)

    def _kept(self, now: int) -> Iterator[Errand]:
        then = now + LATER_MS
        later = self._command("later", now, not_before=then)
        yield Errand("later", "a command is kept until its not_before", later)
        taken = self._command("cancelled", now, not_before=then)
        about = "what a CANCEL takes back while it is kept is not done"
        yield Errand("cancelled", about, taken, Wants.NOTHING)
        cancel = self._command(
            "cancel",
            now,
            customer_id=taken.customer_id,
            action=CANCEL,
            cancels=taken.command_id,
        )
        yield Errand("cancel", "a CANCEL is not answered", cancel, Wants.NOTHING)

    def _in_order(self, now: int) -> Iterator[Errand]:
        customer, before = f"{self._run}-in-order", None
        for number in (1, 2, 3):
            name = f"in-order-{number}"
            command = self._command(name, now, customer_id=customer)
            about = f"command {number} of three of one customer, in their order"
            yield Errand(name, about, command, after=before)
            before = name

    def _command(self, name: str, now: int, **changes: object) -> Command:
        """A command for a customer of its own."""
        topic = next(iter(self._company.topics.inputs.values())).name
        made = example_command(f"{self._run}/{name}", self._action, self._channel, topic)
        task = {"ack_by": now + HOUR // 4, "due_at": now + HOUR} if made.due_at else {}
        times = {"created_at": now, "not_before": now, "not_after": now + HOUR, **task}
        who = {"customer_id": f"{self._run}-{name}", "content": name}
        return replace(made, **(times | who | changes))

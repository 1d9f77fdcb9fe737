"""Feeding a log to an interpreter as the partition's task does, without any of its machinery."""

from dataclasses import replace
from typing import Any, Protocol

from tests.properties.memory import Answer, Happened


class Interpreter(Protocol):
    def take(self, event: Happened, now: int) -> Answer: ...
    def tick(self, key: str, up_to: int, now: int) -> Answer: ...
    def next_due(self, key: str) -> int | None: ...
    def known(self) -> list[str]: ...


def in_stream_order(log: list[Happened]) -> list[tuple[int, Happened]]:
    """Rule T3, `stream`: merged by (merge time, topic, offset).

    A record's merge time is the latest `occurred_at` of its topic so far: a topic never goes back.
    """
    latest: dict[str, int] = {}
    placed = []
    for event in log:
        latest[event.topic] = max(latest.get(event.topic, event.at), event.at)
        placed.append((latest[event.topic], event.topic, event.offset, event))
    placed.sort(key=lambda place: place[:3])
    return [(time, event) for time, _, _, event in placed]


class Feed:
    """Drives one interpreter, or two in step: `heard` gets each answer."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._commands: dict[str, list[str]] = {}
        self.clock = 0
        self.taken: list[tuple[Happened, int]] = []

    def stream(self, log: list[Happened], until: int) -> list[Answer]:
        """Each timer at its due time, before the record that passes it; the last at `until`."""
        answers = []
        for time, event in in_stream_order(log):
            answers += self.pass_time(time)
            self.clock = max(self.clock, time)
            answers.append(self.take(event))
        return answers + self.pass_time(until)

    def wall(self, log: list[Happened], late_clock: int, ticks: list[bool]) -> list[Answer]:
        """In order of arrival, with a clock behind or ahead of the events."""
        answers = []
        for event, tick in zip(log, ticks, strict=False):
            self.clock = max(self.clock, event.recorded_at + late_clock)
            if tick:
                answers += [self._tick(key, self.clock) for key in self._due(self.clock)]
            answers.append(self.take(event))
        return answers

    def take(self, event: Happened) -> Answer:
        resolved = self._resolved(event)
        self.taken.append((resolved, self.clock))
        answer = self._interpreter.take(resolved, self.clock)
        self._remember(event.key, answer)
        return answer

    def pass_time(self, until: int) -> list[Answer]:
        answers = []
        while dues := self._due(until):
            key = dues[0]
            due = self._interpreter.next_due(key)
            assert due is not None
            self.clock = max(self.clock, due)
            answers.append(self._tick(key, due))
        return answers

    def _tick(self, key: str, up_to: int) -> Answer:
        answer = self._interpreter.tick(key, up_to, self.clock)
        self._remember(key, answer)
        return answer

    def _due(self, until: int) -> list[str]:
        dues = [(self._interpreter.next_due(key), key) for key in self._interpreter.known()]
        return [key for due, key in sorted((d, k) for d, k in dues if d is not None and d <= until)]

    def _remember(self, key: str, answer: Answer) -> None:
        sent = [c["command_id"] for c in answer.commands if c["action"] != "CANCEL"]
        self._commands.setdefault(key, []).extend(sent)

    def _resolved(self, event: Happened) -> Happened:
        """Feedback in a log names a command by its place, counted from the last one."""
        if "command_id" not in event.fields:
            return event
        fields: dict[str, Any] = dict(event.fields)
        known = self._commands.get(event.key, [])
        place = int(fields["command_id"])
        fields["command_id"] = known[-1 - place] if place < len(known) else "unknown"
        return replace(event, fields=fields)

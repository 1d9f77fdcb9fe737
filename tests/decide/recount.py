"""A naive recount of what a customer was sent, for the laws of section C: it keeps everything."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from journey_engine.decide.decision import Command, SendDecision
from journey_engine.decide.verdict import Decision
from journey_engine.define.policy_plan import CapPlan, Period, Policy

_CAPPED = {"CAP_REACHED", "LOWER_PRIORITY"}


class Recount:
    """All messages that count, each as (time, channel, purpose, id)."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.zone = ZoneInfo("UTC")
        self.messages: list[tuple[int, str, str, str]] = []

    def external(self, at: int, now: int, channel: str, purpose: str) -> None:
        self.messages.append((min(at, now), channel, purpose, ""))

    def give_back(self, command_id: str) -> None:
        self.messages = [one for one in self.messages if one[3] != command_id]

    def check(self, decision: Decision, now: int, channels: dict[str, list[str]]) -> None:
        """Hold the sends of one instant against the caps, and take its commands into the count."""
        commands = {one.command_id: one for one in decision.commands if one.action == "SEND"}
        for one in decision.commands:
            if one.cancels is not None and one.cancels not in commands:
                self.give_back(one.cancels)
        before = list(self.messages)
        for send in decision.sends:
            if send.outcome.value == "SENT":
                self._sent(commands[send.command_id], now)
            elif send.outcome.value in _CAPPED and "slot:" not in send.trace[-1]:
                self._refused(send, now, channels[send.send_id], before)

    def _sent(self, command: Command, now: int) -> None:
        purpose = self._policy.purposes[command.purpose]
        for cap in purpose.obeys:
            if cap.channels is None or command.channel in cap.channels:
                assert self.count(cap, now, self.messages) < cap.max, cap.name
        self.messages.append((now, command.channel, command.purpose, command.command_id))

    def _refused(
        self, send: SendDecision, now: int, channels: list[str], before: list[Any]
    ) -> None:
        purpose = self._policy.purposes[send.journey.rstrip("0123456789")]
        free_now = free_before = False
        for channel in channels:
            if f"{channel} quiet hours" in send.trace:
                continue
            caps = [c for c in purpose.obeys if c.channels is None or channel in c.channels]
            free_now |= all(self.count(cap, now, self.messages) < cap.max for cap in caps)
            free_before |= all(self.count(cap, now, before) < cap.max for cap in caps)
        assert not free_now, "no cap forbids it"
        assert free_before == (send.outcome.value == "LOWER_PRIORITY")

    def count(self, cap: CapPlan, now: int, messages: list[tuple[int, str, str, str]]) -> int:
        return sum(
            purpose in cap.counted
            and (cap.channels is None or channel in cap.channels)
            and self._in(cap, at, now)
            for at, channel, purpose, _ in messages
        )

    def _in(self, cap: CapPlan, at: int, now: int) -> bool:
        if cap.period is Period.ROLLING:
            return now - cap.length < at <= now
        one, other = self._local(at), self._local(now)
        if cap.period is Period.DAY:
            return one.date() == other.date()
        if cap.period is Period.WEEK:
            return one.isocalendar()[:2] == other.isocalendar()[:2]
        return (one.year, one.month) == (other.year, other.month)

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self.zone)

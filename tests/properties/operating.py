"""What operators decide of journeys while they run, for the naive interpreter (rule V3)."""

from dataclasses import dataclass
from typing import Any

from tests.properties.cel_text import NotKnown
from tests.properties.instances import Instances
from tests.properties.memory import Candidate, Person, Step, millis
from tests.properties.sending import Sending

Document = dict[str, Any]
LOOK = millis("7d")


@dataclass
class Stand:
    """How a journey stands: `paused`, `stop`, `close`, or going on since it was resumed."""

    order: str
    admits: bool = False
    at: int = 0


class Operating:
    def __init__(self, sending: Sending, instances: Instances) -> None:
        self._sending = sending
        self._instances = instances
        self._stands: dict[str, Stand] = {}
        sending.pause = self._pause

    def order(self, order: str, said: Document, now: int) -> None:
        if "over" in said:
            raise NotKnown("the hash by which a resume is spread")
        self._stands[said[order]] = Stand(order, said.get("entries") == "kept", now)

    def refusal(self, journey: str) -> str | None:
        """Why nobody enters."""
        stand = self._stands.get(journey, Stand("resume"))
        if stand.order in ("stop", "close"):
            return "CLOSED"
        return "PAUSED" if stand.order == "pause" and not stand.admits else None

    def _pause(self, step: Step, candidate: Candidate) -> int | None:
        """Until when a pause keeps it back: it is asked again each week, and when it expires."""
        stand = self._stands.get(candidate.run.journey, Stand("resume"))
        if stand.order != "pause":
            return None
        expires = candidate.action.get("expires")
        if expires is None:
            return step.now + LOOK
        return min(step.now + LOOK, candidate.asked_at + millis(expires) + 1)

    def bring(self, person: Person, now: int) -> Step:
        """Who is in a stopped journey is out, with all that it has waiting or out; what a pause
        that is over kept back is asked now.
        """
        step = Step(person, now, now)
        stopped = {name for name, stand in self._stands.items() if stand.order == "stop"}
        for run in [each for each in person.running if each.journey in stopped]:
            self._instances.end(step, run, "STOPPED", None, "stop")
        for run in [each for each in person.everything if each.journey in stopped]:
            self._sending.cancel(step, run, {"end", "leave"}, None)
        for candidate in [each for each in person.waiting if each.paused]:
            if self._pause(step, candidate) is None:
                candidate.due, candidate.paused = now, False
        return step

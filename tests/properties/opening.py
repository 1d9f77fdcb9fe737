"""Which channels a candidate of the naive interpreter may take now (C1 (3) and (4), C4, C5, C7)."""

from typing import Any

from tests.properties.contact import Contact
from tests.properties.guards import Guards
from tests.properties.memory import Candidate, Step, millis
from tests.properties.taking_back import TakingBack, listed

Document = dict[str, Any]


class Opening(TakingBack):
    def __init__(
        self,
        guards: Guards,
        journeys: dict[str, Document],
        channels: dict[str, Document],
        contact: Contact,
    ) -> None:
        super().__init__(guards, journeys)
        self._contact = contact
        self._channels = channels

    def _open(self, step: Step, candidate: Candidate, above: list[Candidate]) -> list[str]:
        """(3) and (4): the channels that it may take now; none where it was decided otherwise."""
        past, profile = step.person.past, self._guards.profile
        purpose = self.journeys[candidate.run.journey]["purpose"]
        if self._contact.contradicted(step, candidate, above):
            self._say(step, candidate, "THEME_CONFLICT")
            return []
        if candidate.action.get("kind", "SEND") != "SEND":
            return self._its_channel(step, candidate, purpose)
        left = [c for c in self._preferred(step, candidate) if c not in candidate.tried]
        allowed = [c for c in left if profile.consent(past, purpose, c)]
        reached = [c for c in allowed if profile.reachable(past, c)]
        if not reached:
            self._say(step, candidate, "UNREACHABLE" if allowed else "NO_CONSENT")
            return []
        loud = [c for c in reached if not self._contact.quiet(step, purpose, c, step.now)]
        if not loud:
            self._wait_for_morning(step, candidate, purpose, reached)
            return []
        if self._contact.arbitration(purpose) and not candidate.at_slot:
            return self._collected(step, candidate, purpose, loud)
        return loud

    def _preferred(self, step: Step, candidate: Candidate) -> list[str]:
        """Rule C7: the one declared, then those answered on, then as listed."""
        listed_ = listed(candidate.action)
        if "preferred" not in candidate.action["channels"]:
            return listed_
        past, profile = step.person.past, self._guards.profile
        declared = profile.preferred_channel(past, step.now)
        return sorted(listed_, key=lambda c: (c != declared, -profile.liking(past, c, step.now)))

    def _its_channel(self, step: Step, candidate: Candidate, purpose: str) -> list[str]:
        """Rules A2 to A5: who is there needs no consent, and an audience no address."""
        past, profile, action = step.person.past, self._guards.profile, candidate.action
        kind, channel = action["kind"], action["channel"]
        if kind == "ROUTE" or action.get("op") == "remove":
            return [channel]
        if not profile.consent(past, purpose, channel):
            self._say(step, candidate, "NO_CONSENT")
        elif kind != "SYNC" and not profile.reachable(past, channel):
            self._say(step, candidate, "UNREACHABLE")
        else:
            return [channel]
        return []

    def _wait_for_morning(
        self, step: Step, candidate: Candidate, purpose: str, channels: list[str]
    ) -> None:
        openings = {c: self._contact.opening(step, purpose, c) for c in channels}
        in_time = [at for c, at in openings.items() if not self._too_late(candidate, [c], at)]
        if self._contact.skips(purpose) or not in_time:
            self._say(step, candidate, "QUIET_HOURS")
        else:
            self._put_off(step, candidate, "QUIET_HOURS", min(in_time))

    def _too_late(self, candidate: Candidate, channels: list[str], at: int) -> bool:
        """Whether what any of the channels takes over then has expired when its hold is over."""
        expires = candidate.action.get("expires")
        return all(
            expired(
                candidate,
                expires or self._channels[name].get("expires"),
                at + millis(self._channels[name].get("hold", "0s")),
            )
            for name in channels
        )

    def _collected(
        self, step: Step, candidate: Candidate, purpose: str, channels: list[str]
    ) -> list[str]:
        """Rule C5: it waits for its slot, at which the best win."""
        slot = self._contact.slot(step, purpose, step.now)
        candidate.at_slot = True
        if slot == step.now:
            return channels
        if self._too_late(candidate, listed(candidate.action), slot):
            self._say(step, candidate, "EXPIRED")
        else:
            self._put_off(step, candidate, "ARBITRATION", slot)
        return []

    def _go_on(self, step: Step, candidate: Candidate, purpose: str) -> None:
        """Who lost, where losers go on, waits for the next slot."""
        slot = self._contact.slot(step, purpose, step.now + 1)
        if self._too_late(candidate, listed(candidate.action), slot):
            self._say(step, candidate, "LOWER_PRIORITY")
        else:
            self._put_off(step, candidate, "ARBITRATION", slot)


def expired(candidate: Candidate, expires: str | None, at: int) -> bool:
    return expires is not None and at > candidate.asked_at + millis(expires)

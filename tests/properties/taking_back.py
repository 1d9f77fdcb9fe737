"""What an end, a left stage or a withdrawn consent takes back (A7, K1), and what is said."""

from typing import Any
from uuid import UUID, uuid5

from tests.properties.guards import Guards
from tests.properties.memory import Candidate, Issued, Running, Step
from tests.properties.other_actions import is_open

Document = dict[str, Any]
COMMANDS = UUID("6d1f0c5e-3b7a-5c0e-9a41-f2d08b6c7e15")
"""The namespace of command ids."""
OF_OTHERS = dict.fromkeys(("reply_to", "slot", "team", "op", "ack_by", "due_at", "experiment"))
"""What a send's command leaves to those of other actions."""
CANCELLING = {
    "STOPPED",
    "SWITCHED",
    "GOAL",
    "EXIT",
    "ABANDONED",
    "RESTARTED",
    "LOOP",
    "QUARANTINED",
}


def cause(step: Step, run: Running) -> tuple[str, str, int]:
    """The event, or for a timer the one that set it."""
    return step.event.origin if step.event is not None else run.cause


class TakingBack:
    def __init__(self, guards: Guards, journeys: dict[str, Document]) -> None:
        self._guards = guards
        self.journeys = journeys
        self.pause: Any = None
        """Until when a pause of its journey keeps a candidate back; None: it does not (rule V3)."""

    def cancel(
        self, step: Step, run: Running, kinds: set[str], visit: tuple[str, int] | None
    ) -> None:
        """Rule A7: what waits, and what the sender still holds back."""
        for candidate in [*step.candidates, *step.person.waiting]:
            if (
                candidate.run is run
                and candidate.action.get("cancel_on", "end") in kinds
                and visit in (None, (candidate.stage, candidate.visit))
            ):
                held = candidate in step.person.waiting
                (step.person.waiting if held else step.candidates).remove(candidate)
                self._say(step, candidate, "CANCELLED")
        for issued in run.issued:
            if issued.cancel_on in kinds and visit in (None, (issued.stage, issued.visit)):
                self.call_back(step, run, issued)

    def withdraw(self, step: Step, withdrawn: set[str]) -> None:
        """Rule K1: a withdrawal cancels at once what waits or is open."""
        past, consent = step.person.past, self._guards.profile.consent
        for candidate in list(step.person.waiting):
            purpose = self.journeys[candidate.run.journey]["purpose"]
            channels = listed(candidate.action)
            if purpose in withdrawn and not any(consent(past, purpose, c) for c in channels):
                self.drop(step, candidate)
        for run in step.person.everything:
            for issued in run.issued:
                purpose = issued.purpose
                needs = issued.kind != "ROUTE"  # who called is answered, whatever they allow
                if needs and purpose in withdrawn and not consent(past, purpose, issued.channel):
                    self.call_back(step, run, issued)

    def drop(self, step: Step, candidate: Candidate) -> None:
        """It waits no more."""
        step.person.waiting.remove(candidate)
        self._say(step, candidate, "CANCELLED")

    def call_back(self, step: Step, run: Running, issued: Issued) -> None:
        if not is_open(issued, step.now):
            return
        issued.cancelled = True
        step.answer.commands.append(
            {
                "command_id": str(uuid5(UUID(issued.command_id), "cancel")),
                "action": "CANCEL",
                "send_id": issued.send,
                "channel": issued.channel,
                "customer_id": step.person.customer_id,
                "anonymous_id": step.anonymous_id,
                "purpose": issued.purpose,
                "created_at": step.now,
                "cancels": issued.command_id,
                **OF_OTHERS,
                "journey": [
                    run.journey,
                    self.journeys[run.journey]["version"],
                    run.key,
                    issued.stage,
                    run.entry_no,
                ],
                "event_id": cause(step, run)[0],
            }
        )

    def _supersede(self, step: Step, candidate: Candidate) -> None:
        """Rule A5: of one audience only the last word of an instance waits."""
        mine = candidate.action
        for other in list(step.person.waiting):
            if (
                mine.get("kind") == other.action.get("kind") == "SYNC"
                and other.run is candidate.run
                and other.asked_at <= candidate.asked_at
                and [other.action[name] for name in ("channel", "content")]
                == [mine[name] for name in ("channel", "content")]
            ):
                step.person.waiting.remove(other)
                self._say(step, other, "CANCELLED")

    def _put_off(self, step: Step, candidate: Candidate, why: str, until: int) -> None:
        self._supersede(step, candidate)
        candidate.due = until
        step.person.waiting.append(candidate)
        self._say(step, candidate, "DEFERRED", cause=why, until=until)

    def _paused(self, step: Step, candidate: Candidate) -> bool:
        """Rule V3: it waits; who waits on the phone cannot."""
        until = None if self.pause is None else self.pause(step, candidate)
        if until is None:
            return False
        if candidate.action.get("kind") == "ROUTE":
            self._say(step, candidate, "PAUSED")
        else:
            candidate.paused = True
            self._put_off(step, candidate, "PAUSED", until)
        return True

    def _kept_for_identity(self, step: Step, candidate: Candidate) -> bool:
        """Rule M1: who somebody is must be known first; M2: nothing goes out twice."""
        person, run = step.person, candidate.run
        here = (candidate.action["id"], candidate.stage, candidate.visit, candidate.number)
        sent = [
            (one.send, one.stage, one.visit, one.of.number)
            for one in run.issued
            if not one.cancelled and one.of.attempt == candidate.attempt
        ]
        if person.aliases and here in sent:
            self._say(step, candidate, "CANCELLED")
            return True
        candidate.of_identity = person.asking_until is not None
        if candidate.of_identity and candidate.action.get("kind", "SEND") != "ROUTE":
            self._put_off(step, candidate, "IDENTITY", person.asking_until or 0)
            return True
        return False

    def action(self, run: Running, name: str) -> Document:
        """The action of that id, as its author wrote it."""
        stages = self.journeys[run.journey]["stages"].values()
        listed = [each for stage in stages for each in (*stage["on_enter"], *stage["on_exit"])]
        listed += [a for stage in stages for way in stage["transitions"] for a in way.get("do", [])]
        return next(each["send"] for each in listed if each["send"]["id"] == name)

    def id_of(self, step: Step, candidate: Candidate) -> UUID:
        """Rule A6."""
        run = candidate.run
        action = candidate.action["id"]
        if candidate.number > 1:
            action = f"{action}#{candidate.number}"
        parts = [0, step.person.key, run.journey, run.key or "", run.entry_no]
        return uuid5(
            COMMANDS, "/".join(str(p) for p in [*parts, candidate.visit, action, candidate.attempt])
        )

    def _say(
        self,
        step: Step,
        candidate: Candidate,
        outcome: str,
        cause: str | None = None,
        until: int | None = None,
    ) -> None:
        command_id = self.id_of(step, candidate)
        step.answer.sends.append(
            {
                "decision_id": str(uuid5(command_id, f"{outcome}/{step.now}")),
                "customer_id": step.person.customer_id,
                "anonymous_id": step.anonymous_id,
                "journey": candidate.run.journey,
                "version": self.journeys[candidate.run.journey]["version"],
                "key": candidate.run.key,
                "entry_no": candidate.run.entry_no,
                "send_id": candidate.action["id"],
                "attempt": candidate.attempt,
                "command_id": str(command_id),
                "outcome": outcome,
                "cause": cause,
                "until": until,
                "decided_at": step.now,
            }
        )


def listed(send: Document) -> list[str]:
    """Its channels; `preferred` without a preference is the order of the list."""
    return [channel for channel in send["channels"] if channel != "preferred"]

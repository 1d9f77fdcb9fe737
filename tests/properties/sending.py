"""Candidates of the naive interpreter: asked, kept waiting, decided, cancelled (A, C1)."""

from typing import Any
from uuid import UUID, uuid5

from tests.properties.guards import Guards
from tests.properties.memory import Candidate, Issued, Running, Step, Wait, millis
from tests.properties.trees import walk

Document = dict[str, Any]
COMMANDS = UUID("6d1f0c5e-3b7a-5c0e-9a41-f2d08b6c7e15")
"""The namespace of command ids."""
CANCELLING = {"GOAL", "EXIT", "ABANDONED", "RESTARTED", "LOOP", "QUARANTINED"}


def cause(step: Step, run: Running) -> tuple[str, str, int]:
    """The event, or for a timer the one that set it."""
    return step.event.origin if step.event is not None else run.cause


class Sending:
    def __init__(
        self, guards: Guards, journeys: dict[str, Document], channels: dict[str, Document]
    ) -> None:
        self._guards = guards
        self.journeys = journeys
        self._channels = channels

    def ask(self, step: Step, run: Running, actions: list[Document]) -> None:
        for action in actions:
            send = action["send"]
            run.runs[send["id"]] = run.runs.get(send["id"], 0) + 1
            step.candidates.append(
                Candidate(
                    run=run,
                    action=send,
                    number=run.runs[send["id"]],
                    stage=run.stage,
                    visit=run.visits[run.stage],
                    asked_at=step.now,
                    asked_for=step.at,
                    cause=cause(step, run),
                    event=self._guards.fields(step, None),
                    stage_entered_at=run.stage_entered_at,
                )
            )

    def decide(self, step: Step) -> None:
        step.acting = True
        for candidate in step.candidates:
            self._decide_one(step, candidate)

    def _decide_one(self, step: Step, candidate: Candidate) -> None:
        send = candidate.action
        journey = self.journeys[candidate.run.journey]
        fields = candidate.event
        outcome = self._guards.holds(step, send.get("when"), journey, candidate.run, fields)
        if outcome is None and _expired(candidate, send.get("expires"), step.now):
            outcome = "EXPIRED"
        if outcome is not None:
            self._say(step, candidate, outcome)
        elif candidate.due is None and "delay" in send:
            candidate.due = candidate.asked_for + millis(send["delay"])
            step.person.waiting.append(candidate)
            self._say(step, candidate, "DEFERRED", cause="DELAY", until=candidate.due)
            self._wait_since(step, candidate.run, send["id"])
        else:
            self._choose_channel(step, candidate)

    def _choose_channel(self, step: Step, candidate: Candidate) -> None:
        """The first of its list with consent and an address."""
        past, profile = step.person.past, self._guards.profile
        purpose = self.journeys[candidate.run.journey]["purpose"]
        allowed = [c for c in candidate.action["channels"] if profile.consent(past, purpose, c)]
        open_ = [c for c in allowed if profile.reachable(past, c)]
        if not open_:
            self._say(step, candidate, "UNREACHABLE" if allowed else "NO_CONSENT")
            return
        channel = self._channels[open_[0]]
        expires = candidate.action.get("expires", channel.get("expires"))
        if _expired(candidate, expires, step.now + millis(channel.get("hold", "0s"))):
            self._say(step, candidate, "EXPIRED")
            return
        self._command(step, candidate, open_[0], purpose)
        self._say(step, candidate, "SENT")

    def _command(self, step: Step, candidate: Candidate, channel: str, purpose: str) -> None:
        run, send = candidate.run, candidate.action
        journey = self.journeys[run.journey]
        hold = millis(self._channels[channel].get("hold", "0s"))
        expires = send.get("expires", self._channels[channel].get("expires"))
        fields = candidate.event
        view = self._guards.view(step, run, fields, journey.get("features", {}))
        step.answer.commands.append(
            {
                "command_id": str(self._id(step, candidate)),
                "action": "SEND",
                "send_id": send["id"],
                "attempt": 0,
                "channel": channel,
                "customer_id": step.person.customer_id,
                "anonymous_id": step.anonymous_id,
                "content": send["content"],
                "data": {n: walk(value.tree, view) for n, value in send.get("data", {}).items()},
                "theme": send.get("theme"),
                "purpose": purpose,
                "priority": send.get("priority", journey.get("priority", 50)),
                "created_at": step.now,
                "not_before": step.now + hold,
                "not_after": None if expires is None else candidate.asked_at + millis(expires),
                "cancels": None,
                "journey": [
                    run.journey,
                    journey["version"],
                    run.key,
                    candidate.stage,
                    run.entry_no,
                ],
                "event_id": candidate.cause[0],
                "decision_id": str(uuid5(self._id(step, candidate), f"SENT/{step.now}")),
            }
        )
        run.issued.append(
            Issued(
                command_id=str(self._id(step, candidate)),
                send=send["id"],
                channel=channel,
                purpose=purpose,
                at=step.now,
                not_before=step.now + hold,
                cancel_on=send.get("cancel_on", "end"),
                stage=candidate.stage,
                visit=candidate.visit,
            )
        )
        self._wait_since(step, run, send["id"])

    def _wait_since(self, step: Step, run: Running, send: str) -> None:
        """Rule W1: a wait that is not over moves with the send from which it counts."""
        if run.ended is not None:
            return
        stage = self.journeys[run.journey]["stages"][run.stage]
        for index, transition in enumerate(stage.get("transitions", [])):
            armed = [wait for wait in run.waits if wait.index == index]
            if transition.get("since") == send and armed:
                run.waits.remove(armed[0])
                run.waits.append(Wait(self.due(step, run, transition), index))

    def due(self, step: Step, run: Running, transition: Document) -> int:
        """From the stage's entry, or from a send: the one that waits, else the last command.

        A send that never was counts as the entry; no wait is over before the entry.
        """
        after, entered = millis(transition["after"]), run.stage_entered_at
        if "since" not in transition:
            return entered + after
        send = transition["since"]
        waiting = [c.due for c in step.person.waiting if c.run is run and c.action["id"] == send]
        issued = [issued.at for issued in run.issued if issued.send == send]
        start = (waiting[:1] or issued[-1:] or [entered])[0]
        assert start is not None
        return max(start + after, entered)

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
                self._call_back(step, run, issued)

    def withdraw(self, step: Step, withdrawn: set[str]) -> None:
        """Rule K1: a withdrawal cancels at once what waits or is open."""
        past, consent = step.person.past, self._guards.profile.consent
        for candidate in list(step.person.waiting):
            purpose = self.journeys[candidate.run.journey]["purpose"]
            channels = candidate.action["channels"]
            if purpose in withdrawn and not any(consent(past, purpose, c) for c in channels):
                step.person.waiting.remove(candidate)
                self._say(step, candidate, "CANCELLED")
        for run in step.person.everything:
            for issued in run.issued:
                purpose = issued.purpose
                if purpose in withdrawn and not consent(past, purpose, issued.channel):
                    self._call_back(step, run, issued)

    def _call_back(self, step: Step, run: Running, issued: Issued) -> None:
        if issued.cancelled or issued.not_before <= step.now:
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

    def _id(self, step: Step, candidate: Candidate) -> UUID:
        """Rule A6."""
        run = candidate.run
        action = candidate.action["id"]
        if candidate.number > 1:
            action = f"{action}#{candidate.number}"
        parts = [0, step.person.key, run.journey, run.key or "", run.entry_no]
        return uuid5(COMMANDS, "/".join(str(p) for p in [*parts, candidate.visit, action, 0]))

    def _say(
        self,
        step: Step,
        candidate: Candidate,
        outcome: str,
        cause: str | None = None,
        until: int | None = None,
    ) -> None:
        command_id = self._id(step, candidate)
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
                "attempt": 0,
                "command_id": str(command_id),
                "outcome": outcome,
                "cause": cause,
                "until": until,
                "decided_at": step.now,
            }
        )


def _expired(candidate: Candidate, expires: str | None, at: int) -> bool:
    return expires is not None and at > candidate.asked_at + millis(expires)

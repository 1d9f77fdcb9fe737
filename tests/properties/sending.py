"""Candidates of the naive interpreter: asked, kept waiting, decided, cancelled (A, C1)."""

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import uuid5

from tests.properties.contact import Contact, counted
from tests.properties.guards import Guards, Warming
from tests.properties.memory import Candidate, Issued, Person, Running, Step, Wait, millis
from tests.properties.opening import Opening, expired
from tests.properties.other_actions import WITHOUT_POLICY, due_of, taken
from tests.properties.taking_back import OF_OTHERS, cause, listed
from tests.properties.trees import NoValue, walk

Document = dict[str, Any]


class Sending(Opening):
    def __init__(
        self,
        guards: Guards,
        journeys: dict[str, Document],
        channels: dict[str, Document],
        contact: Contact,
    ) -> None:
        super().__init__(guards, journeys, channels, contact)
        self.ask_members: Any = None
        """Of an account: asks those whom a send means; says why it could not (rule M3)."""
        self.written: dict[str, list[int]] = {}
        """When commands were written to channels of limited room (rule C6)."""

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
        """Rule C1, of all candidates of an instant together."""
        step.acting = True
        stood = [
            each
            for each in step.candidates
            if self._stands(step, each) and not self._asked_of_members(step, each)
        ]
        ranked = self._contact.rank(step, stood)
        passed = [
            (each, channels)
            for place, each in enumerate(ranked)
            if (channels := self._open(step, each, ranked[:place]))
        ]
        before = counted(step.person)
        winners: Counter[str] = Counter()
        for candidate, channels in passed:
            self._take_place(step, candidate, channels, before, winners)

    def _stands(self, step: Step, candidate: Candidate) -> bool:
        """(1) and (2): held out, `when`, expiry, `delay`, held back by another journey."""
        send, journey = candidate.action, self.journeys[candidate.run.journey]
        plain = send.get("kind", "SEND") not in WITHOUT_POLICY
        if plain and self._contact.held_out(step, journey["purpose"]):
            self._say(step, candidate, "HOLDOUT")
            return False
        if candidate.room is not None:
            self._say(step, candidate, "CAPACITY")
            return False
        told, run = candidate.event, candidate.run
        outcome = self._guards.holds(step, send.get("when"), journey, run, told)
        if outcome == "WARMING":
            outcome = "GUARD_FALSE"  # what a send ends in has no word of its own for it (O)
        if outcome is None and expired(candidate, send.get("expires"), step.now):
            outcome = "EXPIRED"
        held = self._contact.held(step, candidate, journey["purpose"]) if plain else None
        if outcome is not None:
            self._say(step, candidate, outcome)
        elif not candidate.delayed and "delay" in send:
            candidate.delayed = True
            self._put_off(step, candidate, "DELAY", candidate.asked_for + millis(send["delay"]))
        elif self._paused(step, candidate) or self._kept_for_identity(step, candidate):
            return False
        elif held == "drop":
            self._say(step, candidate, "HELD")
        elif held is not None:
            candidate.held = True
            last = candidate.asked_at + millis(send["expires"]) if "expires" in send else held
            self._put_off(step, candidate, "HELD", min(held, last + 1))
        else:
            return True
        return False

    def _put_off(self, step: Step, candidate: Candidate, why: str, until: int) -> None:
        super()._put_off(step, candidate, why, until)
        self._wait_since(step, candidate.run, candidate.action["id"])

    def _asked_of_members(self, step: Step, candidate: Candidate) -> bool:
        if self.ask_members is None or "to" not in candidate.action:
            return False
        refused = self.ask_members(step, candidate)
        if refused is not None:
            self._say(step, candidate, refused)
        return True

    def _has_room(self, step: Step, candidate: Candidate, name: str, expires: Any) -> bool:
        """Rule C6: there is room on the channel; else it waits for it, until it expires."""
        if "capacity" not in self._channels[name] or candidate.granted == name:
            return True
        candidate.room = name
        until = candidate.asked_at + millis(expires or "7d")
        self._put_off(step, candidate, "CAPACITY", max(until, step.now) + 1)
        return False

    def urgency(self, person: Person, candidate: Candidate) -> tuple[float, int, int, str]:
        """Who gets room first: score, priority, age, and the command's id."""
        step = Step(person, candidate.asked_at, candidate.asked_at)
        score = self._contact.urgency(step, candidate)
        name = str(self.id_of(step, candidate))
        return -score, -self._priority(candidate), candidate.asked_at, name

    def release(self, step: Step) -> None:
        """Rule C8: what another journey has let go of is decided again; where one that holds has
        ended, all that is held is.
        """
        ended = {each["journey"] for each in step.answer.transitions if each["end"]}
        lifted = any("holds" in self.journeys[name] for name in ended)
        for candidate in [each for each in step.person.waiting if each.held]:
            purpose = self.journeys[candidate.run.journey]["purpose"]
            if lifted or self._contact.held(step, candidate, purpose) is None:
                candidate.held = False
                step.person.waiting.remove(candidate)
                step.candidates.append(candidate)

    def _take_place(
        self,
        step: Step,
        candidate: Candidate,
        channels: list[str],
        before: list[Issued],
        winners: Counter[str],
    ) -> None:
        """(5) to (7): the first channel that all caps allow, unless others have won."""
        purpose = self.journeys[candidate.run.journey]["purpose"]
        collects = candidate.action.get("kind", "SEND") == "SEND" and not candidate.attempt
        arbitration = self._contact.arbitration(purpose) if collects else None
        if arbitration and winners[purpose] >= arbitration.get("winners", 1):
            if arbitration.get("losers") == "defer":
                self._go_on(step, candidate, purpose)
            else:
                self._say(step, candidate, "LOWER_PRIORITY")
            return
        sent = counted(step.person)
        capless = candidate.action.get("kind", "SEND") in {*WITHOUT_POLICY, "SYNC"}
        free = [c for c in channels if capless or self._contact.room(step, purpose, c, sent)]
        if free:
            winners[purpose] += collects
            self._choose_channel(step, candidate, free[0], purpose)
            return
        once = any(self._contact.room(step, purpose, c, before) for c in channels)
        self._say(step, candidate, "LOWER_PRIORITY" if once else "CAP_REACHED")

    def _choose_channel(self, step: Step, candidate: Candidate, name: str, purpose: str) -> None:
        channel = self._channels[name]
        expires = candidate.action.get("expires", channel.get("expires"))
        if expired(candidate, expires, step.now + millis(channel.get("hold", "0s"))):
            self._say(step, candidate, "EXPIRED")
            return
        if not self._has_room(step, candidate, name, expires):
            return
        try:
            if not self._wins(step, candidate):
                self._say(step, candidate, "LOWER_PRIORITY")
                return
            self._command(step, candidate, name, purpose)
        except (NoValue, Warming):
            self._say(step, candidate, "GUARD_ERROR")
        else:
            self._say(step, candidate, "SENT")

    def _contested(self, step: Step, candidate: Candidate) -> Any:
        run, action = candidate.run, candidate.action
        if "reply_to" not in action:
            return action.get("slot")
        private = self.journeys[run.journey].get("features", {})
        return walk(action["reply_to"].tree, self._guards.view(step, run, candidate.event, private))

    def _priority(self, candidate: Candidate) -> Any:
        journey = self.journeys[candidate.run.journey]
        return candidate.action.get("priority", journey.get("priority", 50))

    def _wins(self, step: Step, candidate: Candidate) -> bool:
        """One answer for a contact; of shows in a slot the more important (rules A2, A3)."""
        kind = candidate.action.get("kind", "SEND")
        if kind not in ("ROUTE", "SHOW"):
            return True
        rivals = taken(step, kind, self._contested(step, candidate))
        if kind == "ROUTE" or any(r.priority >= self._priority(candidate) for r in rivals):
            return not rivals
        for rival in rivals:
            self.call_back(step, rival.of.run, rival)
        return True

    def _command(self, step: Step, candidate: Candidate, channel: str, purpose: str) -> None:
        run, send = candidate.run, candidate.action
        journey = self.journeys[run.journey]
        hold = millis(self._channels[channel].get("hold", "0s"))
        expires = send.get("expires", self._channels[channel].get("expires"))
        view = self._guards.view(step, run, candidate.event, journey.get("features", {}))
        step.answer.commands.append(
            {
                "command_id": str(self.id_of(step, candidate)),
                "action": send.get("kind", "SEND"),
                "send_id": send["id"],
                "attempt": candidate.attempt,
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
                **OF_OTHERS,
                "reply_to": self._contested(step, candidate) if "reply_to" in send else None,
                **{name: send.get(name) for name in ("slot", "team", "op")},
                **due_of(step, candidate, expires),
                "journey": [
                    run.journey,
                    journey["version"],
                    run.key,
                    candidate.stage,
                    run.entry_no,
                ],
                "event_id": candidate.cause[0],
                "decision_id": str(uuid5(self.id_of(step, candidate), f"SENT/{step.now}")),
            }
        )
        self._supersede(step, candidate)
        run.issued.append(self._issued(step, candidate, channel, purpose))
        if candidate.granted == channel:
            self.written.setdefault(channel, []).append(step.now)
        for issued in list(run.issued):
            if issued.send == send.get("replaces"):
                self.call_back(step, run, issued)
        self._wait_since(step, run, send["id"])

    def _issued(self, step: Step, candidate: Candidate, channel: str, purpose: str) -> Issued:
        """What is remembered of the command."""
        send = candidate.action
        hold = millis(self._channels[channel].get("hold", "0s"))
        expires = send.get("expires", self._channels[channel].get("expires"))
        return Issued(
            command_id=str(self.id_of(step, candidate)),
            send=send["id"],
            channel=channel,
            purpose=purpose,
            at=step.now,
            not_before=step.now + hold,
            cancel_on=send.get("cancel_on", "end"),
            stage=candidate.stage,
            visit=candidate.visit,
            theme=send.get("theme"),
            kind=send.get("kind", "SEND"),
            contested=self._contested(step, candidate),
            priority=self._priority(candidate),
            ack_by=step.now + millis(send["ack_within"]) if "ack_within" in send else None,
            not_after=None if expires is None else candidate.asked_at + millis(expires),
            of=candidate,
        )

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

    def first_due(self, step: Step, run: Running, transition: Document) -> int:
        """As its stage is entered: a send asked for just now is not the one of a former visit."""
        asked = [each.action["id"] for each in step.candidates if each.run is run]
        if transition.get("since") in asked:
            return run.stage_entered_at + millis(transition["after"])
        return self.due(step, run, transition)

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

    def came_back(self, step: Step) -> None:
        """Rules C7, T7: a final bounce or failure, before it expires, takes the next channel."""
        event = step.event
        if event is None or event.type not in ("MessageBounced", "MessageFailed"):
            return
        for issued in [i for run in step.person.everything for i in run.issued]:
            if issued.command_id != event.fields["command_id"] or not event.fields["permanent"]:
                continue
            if issued.kind != "SEND" or issued.returned:
                continue
            issued.returned, of = True, issued.of
            expires = of.action.get("expires", self._channels[issued.channel].get("expires"))
            tried = (*of.tried, issued.channel)
            left = [c for c in listed(of.action) if c not in tried]
            ended = of.run.ended is not None or event.backfill
            if left and not ended and not expired(of, expires, step.now):
                again = replace(of, attempt=of.attempt + 1, tried=tried, due=None, at_slot=True)
                step.candidates.append(again)

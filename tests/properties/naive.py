"""A second interpreter of the journey language: slow, obvious, written from the rules alone.

It works on the documents as they are written and on the customer's whole past, scanned anew for
each question. It knows nothing of plans, closures, encodings or bounds on memory.
"""

from collections import Counter
from typing import Any

from tests.properties.guards import Guards
from tests.properties.instances import ABANDON, MICROSTEPS, Instances
from tests.properties.memory import (
    Answer,
    Candidate,
    Happened,
    Person,
    Running,
    Step,
    Wait,
    millis,
)
from tests.properties.profile import Profile, names
from tests.properties.sending import Sending

Document = dict[str, Any]
DAY = 24 * 3_600_000


class Naive:
    def __init__(
        self, journeys: list[Document], customer: Document, policies: Document, channels: Document
    ) -> None:
        self._journeys = sorted(journeys, key=lambda j: (-j.get("priority", 50), j["journey"]))
        self._by_name = {journey["journey"]: journey for journey in journeys}
        self._profile = Profile(customer, policies)
        self._guards = Guards(self._profile)
        self._sending = Sending(self._guards, self._by_name, channels["channels"])
        self._instances = Instances(self._guards, self._sending)
        self.people: dict[str, Person] = {}

    # What comes in.

    def take(self, event: Happened, now: int) -> Answer:
        """An event, in the order taken (rules T4, T6, T7, T9, S1)."""
        if event.type not in self.read_types():
            return Answer("IGNORED")
        person = self.people.setdefault(
            event.key,
            Person(event.key, event.customer_id, None if event.customer_id else event.anonymous_id),
        )
        repeated = self._repeated(person, event, now)
        if repeated is not None:
            return Answer(repeated)
        person.anonymous_id = event.anonymous_id
        fired = self._fire(person, event.at, now)
        person.read.append((event.source, event.event_id, event.body, now))
        person.past.append(event)
        step = Step(person, event.at, now, event)
        late = {j["journey"]: self._late(step, j) for j in self._readers(event.type)}
        if event.backfill:
            step.answer.outcome = "BACKFILL"
        elif late and all(late.values()):
            step.answer.outcome = "LATE"
        self._sending.withdraw(step, self._profile.withdrawn(person.past, event))
        for journey, run in self._in_order(person, late):
            self._instances.reach(step, journey, run, late=late[journey["journey"]])
        for journey in self._readers(event.type):
            self._enter_first(step, journey, late=late[journey["journey"]])
        self._sending.decide(step)
        return _joined(fired, step.answer)

    def tick(self, key: str, up_to: int, now: int) -> Answer:
        """The clock passed the due time of something that waits (rule T4)."""
        person = self.people[key]
        if person.customer_id is not None:
            person.anonymous_id = None
        return _joined(self._fire(person, up_to, now), Answer())

    def next_due(self, key: str) -> int | None:
        person = self.people[key]
        dues = [wait.due for run in person.running for wait in run.waits]
        dues += [candidate.due for candidate in person.waiting if candidate.due is not None]
        return min(dues, default=None)

    def known(self) -> list[str]:
        return list(self.people)

    # What is read, and what counts.

    def read_types(self) -> set[str]:
        types = {type_ for journey in self._journeys for type_ in self._instances.types(journey)}
        for journey in self._journeys:
            types |= self._profile.types(journey.get("features", {}))
        return types | self._profile.types({})

    def _readers(self, type_: str) -> list[Document]:
        return [journey for journey in self._journeys if type_ in self._instances.types(journey)]

    def _repeated(self, person: Person, event: Happened, now: int) -> str | None:
        """Rule T6: 24 h or the last 128 inputs, whichever is less."""
        for source, event_id, body, read_at in person.read[-128:]:
            if (source, event_id) == (event.source, event.event_id) and now - read_at <= DAY:
                return "DUPLICATE" if body == event.body else "CONFLICT"
        return None

    def _late(self, step: Step, journey: Document) -> bool:
        """Rule T7, for one journey; moves what the journey has read."""
        assert step.event is not None
        name, at = journey["journey"], step.event.at
        if step.event.backfill:
            return True
        latest = step.person.latest.get(name, at)
        step.person.latest[name] = max(latest, at)
        return at < latest - millis(journey.get("lateness", "1h"))

    def _in_order(
        self, person: Person, journeys: dict[str, bool]
    ) -> list[tuple[Document, Running]]:
        """Rule S1: by priority, journey, key."""
        return [
            (journey, run)
            for journey in self._journeys
            if journey["journey"] in journeys
            for run in sorted(person.running, key=lambda run: run.key or "")
            if run.journey == journey["journey"]
        ]

    # Entries.

    def _enter_first(self, step: Step, journey: Document, *, late: bool) -> None:
        """Rules S4, I3: the first clause that matches, once."""
        event = step.event
        assert event is not None
        refused: str | None = None
        for clause in journey["entry"]:
            if event.type not in names(clause["on"]):
                continue
            refused = self._guards.holds(
                step, clause.get("when"), journey, None, self._guards.fields(step, None)
            )
            if refused is None and not late:
                self._enter(step, journey, clause)
                return
            if refused is None:
                step.answer.entries.append((journey["journey"], "LATE"))
                return
            step.answer.entries.append((journey["journey"], refused))

    def _enter(self, step: Step, journey: Document, clause: Document) -> None:
        name, event = journey["journey"], step.event
        assert event is not None
        key = self._instances.key(step, journey, clause)
        outcome = self._refused(step, journey, key)
        step.answer.entries.append((name, outcome or "ENTERED"))
        if outcome is not None:
            return
        for run in self._same(step.person, journey, key):
            self._instances.end(step, run, "RESTARTED", None, event.type)
        entered = step.person.entered.setdefault(name, [])
        entered.append((key, step.at))
        run = Running(
            name, key, len(entered), step.at, "", step.at, step.at, event.origin, context={}
        )
        self._instances.remember(step, journey, run, clause)
        step.person.running.append(run)
        step.person.everything.append(run)
        self._instances.wait_for_abandon(journey, run)
        self._instances.write(step, run, None, journey["start"], event.type)
        self._instances.arrive(step, journey, run, journey["start"])
        self._instances.settle(step, journey, run)

    def _same(self, person: Person, journey: Document, key: str | None) -> list[Running]:
        """The live instances that re-entry counts: of the key, or of the customer."""
        everywhere = journey.get("reentry", {}).get("per") == "customer"
        return [
            run
            for run in person.running
            if run.journey == journey["journey"] and (everywhere or run.key == key)
        ]

    def _refused(self, step: Step, journey: Document, key: str | None) -> str | None:
        person, name, rule = step.person, journey["journey"], journey.get("reentry", {})
        if "key" in journey and key is None:
            return "NO_KEY"
        mode, everywhere = rule.get("mode", "after_end"), rule.get("per") == "customer"
        entered = [at for k, at in person.entered.get(name, []) if everywhere or k == key]
        left = [at for k, at in person.left.get(name, []) if everywhere or k == key]
        if mode != "restart" and self._same(person, journey, key):
            return "ALREADY_IN"
        if mode == "once" and entered:
            return "REENTRY_LIMIT"
        if "cooldown" in rule and left and step.at - max(left) < millis(rule["cooldown"]):
            return "COOLDOWN"
        if "limit" in rule:
            since = step.at - millis(rule["within"]) if "within" in rule else -1
            if len([at for at in entered if at > since]) >= rule["limit"]:
                return "REENTRY_LIMIT"
        live = [run for run in person.running if run.journey == name]
        staying = len(live) - len(self._same(person, journey, key))
        return "MAX_LIVE" if staying >= journey.get("max_live", 32) else None

    # Timers.

    def _fire(self, person: Person, up_to: int, now: int) -> list[Answer]:
        """Instant by instant: its timers by journey, key and place, then its candidates."""
        answers: list[Answer] = []
        while True:
            due = self.next_due(person.key)
            if due is None or due > up_to:
                return answers
            answers.append(self._instant(person, due, now))

    def _instant(self, person: Person, due: int, now: int) -> Answer:
        """Rounds, as long as what fired has armed timers for the very same instant."""
        answer = Answer()
        candidates: list[Candidate] = []
        rounds: Counter[int] = Counter()
        while self.next_due(person.key) == due:
            step = Step(person, due, now)
            step.answer = answer
            step.candidates = candidates
            released = [c for c in person.waiting if c.due == due]
            person.waiting = [c for c in person.waiting if c.due != due]
            answer.fired.extend(due for _ in released)
            step.candidates += released
            for run in sorted(person.running, key=lambda run: (run.journey, run.key or "")):
                if any(wait.due == due for wait in run.waits):
                    rounds[id(run)] += 1
                    self._fire_run(step, run, looping=rounds[id(run)] > MICROSTEPS)
            candidates = step.candidates
            if self.next_due(person.key) != due:
                self._sending.decide(step)
                candidates = []
        return answer

    def _fire_run(self, step: Step, run: Running, *, looping: bool) -> None:
        """Rule S5: document order, the first whose guard holds; the others are spent."""
        due = sorted((w for w in run.waits if w.due == step.at), key=lambda w: w.index)
        run.waits = [wait for wait in run.waits if wait not in due]
        if looping:
            self._instances.end(step, run, "LOOP", None, "after")
            return
        for wait in due:
            step.answer.fired.append(wait.due)
            if self._fire_one(step, run, wait):
                return

    def _fire_one(self, step: Step, run: Running, wait: Wait) -> bool:
        journey = self._by_name[run.journey]
        if wait.index == ABANDON:
            self._instances.end(step, run, "ABANDONED", None, "abandon")
            return True
        transition = journey["stages"][run.stage]["transitions"][wait.index]
        if self._guards.holds(step, transition.get("when"), journey, run, {}) is not None:
            return False
        self._instances.take(step, journey, run, transition, "after")
        self._instances.settle_if_moved(step, journey, run, transition)
        return True


def _joined(answers: list[Answer], last: Answer) -> Answer:
    """The timers that fired before an input, and the input, as one answer."""
    for answer in reversed(answers):
        last.transitions[:0] = answer.transitions
        last.commands[:0] = answer.commands
        last.sends[:0] = answer.sends
        last.fired[:0] = answer.fired
    return last

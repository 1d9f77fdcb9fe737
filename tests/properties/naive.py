"""A second interpreter of the journey language: slow, obvious, written from the rules alone.

It works on the documents as they are written and on the customer's whole past, scanned anew for
each question. It knows nothing of plans, closures, encodings or bounds on memory.
"""

from collections import Counter
from typing import Any

from tests.properties.contact import EXTERNAL, Contact
from tests.properties.entrances import Entrances
from tests.properties.experiments import Experiments
from tests.properties.guards import Guards
from tests.properties.instances import ABANDON, MICROSTEPS, Instances
from tests.properties.matching import Matching, over, waiting
from tests.properties.memory import (
    Answer,
    Candidate,
    Happened,
    Issued,
    Person,
    Running,
    Step,
    Wait,
    joined,
    millis,
    nobody,
)
from tests.properties.operating import Operating
from tests.properties.other_actions import answered, deadlines, raised, read_for
from tests.properties.profile import Profile, names
from tests.properties.sending import Sending
from tests.properties.trees import walk

Document = dict[str, Any]
DAY = 24 * 3_600_000
ERASED = "CustomerErased"
LINKED = "IdentityLinked"


class Naive:
    def __init__(
        self,
        journeys: list[Document],
        customer: Document,
        policies: Document,
        channels: Document,
        experiments: Document | None = None,
        of_accounts: list[Document] | None = None,
    ) -> None:
        """`of_accounts`: the journeys of accounts, which ask customers for sends (rule M3)."""
        self._others = of_accounts or []
        self._journeys = sorted(journeys, key=lambda j: (-j.get("priority", 50), j["journey"]))
        self._by_name = {journey["journey"]: journey for journey in [*journeys, *self._others]}
        self.profile = Profile(customer, policies)
        self.guards = Guards(self.profile)
        contact = Contact(self.guards, self._by_name, policies)
        self.sending = Sending(self.guards, self._by_name, channels["channels"], contact)
        matching = Matching(self.guards)
        self.instances = Instances(
            self.guards, self.sending, Experiments(experiments or {}), matching
        )
        self.instances.switch = self._switch
        self._entrances = Entrances(self.guards, self.instances, matching, self._by_name)
        self.operating = Operating(self.sending, self.instances)
        self.people: dict[str, Person] = {}

    # What comes in.

    def take(self, event: Happened, now: int) -> Answer:
        """An event, in the order taken (rules T4, T6, T7, T9, S1)."""
        if event.type not in self.read_types():
            return Answer("IGNORED")
        person = self.person(event)
        if event.type == ERASED:
            return self._erase(person, event, now)
        if event.at <= person.erased_at:
            return Answer("ERASED")
        repeated = self._repeated(person, event, now)
        if repeated is not None:
            return Answer(repeated)
        person.anonymous_id = event.anonymous_id
        fired = [self.bring(person, now), *self._fire(person, event.at, now)]
        person.read.append((event.source, event.event_id, event.body, now))
        event.read_at = now
        person.past.append(event)
        step = Step(person, event.at, now, event)
        late = {j["journey"]: self._late(step, j) for j in self._readers(event.type)}
        if event.backfill:
            step.answer.outcome = "BACKFILL"
        elif late and all(late.values()):
            step.answer.outcome = "LATE"
        self.sending.withdraw(step, self.profile.withdrawn(person.past, event))
        answered(person, event)
        self.sending.came_back(step)
        for journey, run in self._in_order(person, late):
            self.instances.reach(step, journey, run, late=late[journey["journey"]])
        for journey in self._readers(event.type):
            self._enter_first(step, journey, late=late[journey["journey"]])
        self.instances.reckon(step)
        self.decide(step)
        return joined(fired, step.answer)

    def _erase(self, person: Person, event: Happened, now: int) -> Answer:
        """Rule M4: everything is taken back and gone; the time of it stays."""
        step = Step(person, event.at, now, event)
        for run in list(person.running):
            self.instances.end(step, run, "ERASED", None, event.type)
        for run in person.everything:
            self.sending.cancel(step, run, {"end", "leave", "never"}, None)
        afresh = nobody(event)
        afresh.erased_at = max(event.at, person.erased_at)
        self.people[event.key] = afresh
        return step.answer

    def tick(self, key: str, up_to: int, now: int) -> Answer:
        """The clock passed the due time of something that waits (rule T4)."""
        person = self.people[key]
        if person.customer_id is not None:
            person.anonymous_id = None
        return joined([self.bring(person, now), *self._fire(person, up_to, now)], Answer())

    def bring(self, person: Person, now: int) -> Answer:
        """What operators decided reaches the customer; what that lets go of is decided (V3, C8)."""
        step = self.operating.bring(person, now)
        if step.answer.transitions:
            self.decide(step)
        return step.answer

    def next_due(self, key: str) -> int | None:
        person = self.people[key]
        dues = [wait.due for run in person.running for wait in run.waits]
        dues += [candidate.due for candidate in person.waiting if candidate.due is not None]
        dues += [due for due, _, _, _ in self._entrances.unfollowed(person)]
        dues += [due for due, _, _ in deadlines(person)]
        return min(dues, default=None)

    def known(self) -> list[str]:
        return list(self.people)

    def person(self, event: Happened) -> Person:
        """Whose event it is."""
        return self.people.setdefault(event.key, nobody(event))

    # What is read, and what counts.

    def read_types(self) -> set[str]:
        types: set[str] = set()
        for journey in [*self._journeys, *self._others]:
            types |= self.instances.types(journey)
            types |= self.profile.types(journey.get("features", {})) | read_for(journey)
        # An erasure is read wherever it is published (M4).
        return types | self.profile.types({}) | {ERASED, LINKED, EXTERNAL}

    def _readers(self, type_: str) -> list[Document]:
        return [journey for journey in self._journeys if type_ in self.instances.types(journey)]

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
        name = journey["journey"]
        self._entrances.see(step, journey, late=late)
        for place, clause in enumerate(journey["entry"]):
            if event.type not in names(clause["on"]):
                continue
            refused = self._entrances.asked(step, journey, place, late=late)
            if refused is None and not late:
                self._enter(step, journey, clause)
                return
            step.answer.entries.append((name, refused or "LATE"))
            if refused is None:
                return

    def _enter(
        self, step: Step, journey: Document, clause: Document, context: Document | None = None
    ) -> None:
        name, event = journey["journey"], step.event
        assert event is not None
        key = self.instances.key(step, journey, clause)
        outcome = self._refused(step, journey, key)
        if outcome != "NO_KEY":
            outcome = self.operating.refusal(name) or outcome
        step.answer.entries.append((name, outcome or "ENTERED"))
        if outcome is not None:
            return
        for run in self._same(step.person, journey, key):
            self.instances.end(step, run, "RESTARTED", None, event.type)
        entered = step.person.entered.setdefault(name, [])
        entered.append((key, step.at))
        run = Running(
            name, key, len(entered), step.at, "", step.at, step.at, event.origin, context or {}
        )
        run.to_reach = list(journey.get("milestones", {}))
        self.instances.remember(step, journey, run, clause)
        step.person.running.append(run)
        step.person.everything.append(run)
        self.instances.wait_for_abandon(journey, run)
        trigger = "not_followed_by" if step.waited else event.type
        self.instances.write(step, run, None, journey["start"], trigger)
        self.instances.arrive(step, journey, run, journey["start"])
        self.instances.settle(step, journey, run)

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
            answers.append(self._instant(person, due, max(now, due)))

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
            for due_, type_, issued in deadlines(person):
                if due_ == due:
                    answer.fired.append(due)
                    self._raise(step, type_, issued)
            for run in sorted(person.running, key=lambda run: (run.journey, run.key or "")):
                if any(wait.due == due for wait in run.waits):
                    rounds[id(run)] += 1
                    self._fire_run(step, run, looping=rounds[id(run)] > MICROSTEPS)
            for due_, journey, clause, seen in self._entrances.unfollowed(person):
                if due_ == due:
                    answer.fired.append(due)
                    seen.used = True
                    step.event, step.waited = seen.event, True
                    self._enter(step, journey, clause)
                    step.event, step.waited = None, False
            candidates = step.candidates
            self.instances.reckon(step)
            if self.next_due(person.key) != due:
                self.decide(step)
                candidates = []
        return answer

    def _raise(self, step: Step, type_: str, issued: Issued) -> None:
        """Rule A4: the engine's own event on a task reaches its instance as any other does."""
        event = raised(step.person, step.at, type_, issued)
        answered(step.person, event)
        if type_ == "TaskUnacked":
            issued.ack_by = None
        step.event = event
        step.person.past.append(event)
        readers = {each["journey"]: False for each in self._readers(event.type)}
        for journey, run in self._in_order(step.person, readers):
            self.instances.reach(step, journey, run, late=False)
        step.event = None

    def _switch(self, step: Step, run: Running, exit_: Document) -> bool:
        """Rule I6: whether the other journey takes the customer in; its guard is not asked."""
        journey, event = self._by_name[run.journey], step.event
        other = self._by_name[exit_["switch_to"]]
        assert event is not None
        view = self.guards.view(
            step, run, self.guards.fields(step, run), journey.get("features", {})
        )
        context = {name: walk(value.tree, view) for name, value in exit_.get("with", {}).items()}
        key = {"key": exit_["key"]} if "key" in exit_ else {}
        before = len(step.answer.entries)
        self._enter(step, other, {"on": [event.type], **key}, context)
        return step.answer.entries[before][1] == "ENTERED"

    def decide(self, step: Step) -> None:
        """Candidates, and where they lead that came to nothing (rules C1, C9)."""
        self.sending.release(step)
        moved: Counter[int] = Counter()
        while step.candidates:
            told = len(step.answer.sends)
            self.sending.decide(step)
            decided, step.candidates = step.candidates, []
            outcomes = {each["command_id"]: each["outcome"] for each in step.answer.sends[told:]}
            for candidate in decided:
                # An account's send has no decision of its own where members decide it (M3).
                outcome = outcomes.get(str(self.sending.id_of(step, candidate)), "DEFERRED")
                self.instances.follow(step, candidate, outcome, moved)
            self.instances.reckon(step)

    def _fire_run(self, step: Step, run: Running, *, looping: bool) -> None:
        """Rule S5: document order, the first whose guard holds; the others are spent."""
        due = sorted((w for w in run.waits if w.due == step.at), key=lambda w: w.index)
        run.waits = [wait for wait in run.waits if wait not in due]
        if looping:
            self.instances.end(step, run, "LOOP", None, "after")
            return
        for wait in due:
            run.begun.pop(wait.index, None)
        for wait in due:
            step.answer.fired.append(wait.due)
            if self._fire_one(step, run, wait):
                return

    def _fire_one(self, step: Step, run: Running, wait: Wait) -> bool:
        journey = self._by_name[run.journey]
        if wait.index == ABANDON:
            self.instances.end(step, run, "ABANDONED", None, "abandon")
            return True
        transition = journey["stages"][run.stage]["transitions"][wait.index]
        if wait.exits:
            self.instances.end(step, run, "EXIT", "past", "at")
            return True
        if "pattern" in transition:
            for seen in waiting(transition, run.patterns[run.stage, wait.index]):
                if over(transition["pattern"], seen) == wait.due:
                    seen.used, run.cause = True, seen.event.origin
        guard = None if "pattern" in transition else transition.get("when")
        if self.guards.holds(step, guard, journey, run, {}) is not None:
            return False
        self.instances.take(step, journey, run, transition, _waited(transition))
        self.instances.settle_if_moved(step, journey, run, transition)
        return True


def _waited(transition: Document) -> str:
    if "pattern" in transition:
        return "not_followed_by"
    return "at" if "at" in transition else "after"

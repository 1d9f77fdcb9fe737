"""A case on the naive interpreter, which shares no code with the engine's decisions."""

from collections.abc import Mapping
from typing import Any

from journey_engine.testing.cases import Given, TestCase, TestStep
from journey_engine.testing.happenings import Happening
from journey_engine.testing.verdict import failures
from journey_engine.testing.words import KIND_OF, SUBJECTS
from tests.conformance.reading import Case
from tests.conformance.releases import Document
from tests.conformance.steps import ORDERS, millis_of
from tests.properties import authored
from tests.properties.cel_text import NotKnown
from tests.properties.memory import MINUTE, Answer, Happened, Person
from tests.properties.naive import LINKED
from tests.properties.profile import GIVEN
from tests.properties.world import Definitions, World

CUSTOMER = "customer"
KEY = f"c:{CUSTOMER}"
FUTURE = 5 * MINUTE
_SHARED = ("event_id", "channel", "source", "backfill")


def faults(case: Case, test: TestCase) -> list[str]:
    """What the naive interpreter does otherwise than the case says.

    Raises:
        NotKnown: the case is about a rule that it does not know.
    """
    run = _Run(case, test)
    run.play()
    return [str(failure) for failure in failures(test, run.happened, [])]


class _Run:
    """The customer of a test, driven as `journey_engine.testing.runner` drives the engine's."""

    def __init__(self, case: Case, test: TestCase) -> None:
        self._beyond = case.beyond
        if case.releases:
            raise NotKnown("versions")
        if case.id.startswith("L6-"):
            raise NotKnown("bounds on memory")
        sound = [each for each in case.journeys if each["journey"] not in case.quarantines]
        self._journeys = {each["journey"]: authored.journey(each) for each in sound}
        documents = case.documents
        self._world = World(
            Definitions(
                list(self._journeys.values()),
                authored.customer(documents["customer"]),
                authored.policies(documents["policies"]),
                authored.channels(documents["channels"]),
                documents.get("experiments.lock", {}).get("experiments", {}),
            )
        )
        self._test = test
        self._clock = test.steps[0].at
        self._commands: list[tuple[str, str | None, str]] = []
        self.happened: list[Happening] = []

    def play(self) -> None:
        person = Person(KEY, CUSTOMER, None)
        person.past.append(_known_before(self._test.given, self._clock - 1))
        self._world.customers.people[KEY] = person
        for number, step in enumerate(self._test.steps, 1):
            recorded = self._recorded(number, step)
            self._pass(recorded)
            self._clock = max(self._clock, recorded)
            if step.at > recorded + FUTURE:
                facts: Document = {"event": step.event_type, "at": step.at, "outcome": "FUTURE"}
                self.happened.append(Happening("inputs", "", facts))
            elif step.event_type:
                for event, answer in self._world.take(self._event(number, step), self._clock):
                    self._heard(answer, event)
            self._operated(self._beyond.get(number - 1, {}))
        running = [run for each in self._world.people for run in each.running]
        stages = [(run.journey, {"stage": run.stage, "key": run.key}) for run in running]
        self.happened += [Happening("stage", journey, facts) for journey, facts in stages]

    def _operated(self, said: Mapping[str, Any]) -> None:
        for order in ORDERS:
            if order in said:
                self._world.order(order, dict(said), self._clock)
        if "sweep" in said:
            for answer in self._world.sweep(self._clock):
                self._heard(answer, None)

    def _recorded(self, number: int, step: TestStep) -> int:
        """When its record was written (rule T8): when it happened, unless the case says more."""
        said = self._beyond.get(number - 1, {})
        return millis_of(said["recorded"]) if "recorded" in said else step.at

    def _pass(self, up_to: int) -> None:
        while (due := self._world.next_due()) is not None and due <= up_to:
            self._clock = max(self._clock, due)
            for answer in self._world.tick(self._clock, self._clock):
                self._heard(answer, None)

    def _event(self, number: int, step: TestStep) -> Happened:
        fields: dict[str, Any] = dict(step.fields)
        linked = step.event_type == LINKED
        customer = None if step.visitor and not linked else step.customer or CUSTOMER
        if "command_id" in fields or "send" in fields:
            send = fields.pop("send", None)
            named = [(whose, command) for name, whose, command in self._commands if name == send]
            own = [command for whose, command in named if whose == customer]
            every = own or [command for _, command in named]
            fields["command_id"] = (every or [fields.get("command_id", "")])[-1]
        shared = {name: fields.pop(name) for name in _SHARED if name in fields}
        return Happened(
            type=step.event_type,
            customer_id=customer,
            anonymous_id=step.visitor,
            at=step.at,
            fields=fields,
            topic="test",
            offset=number,
            recorded_at=self._clock,
            **{"event_id": f"step-{number}", "source": "test", "channel": "test", **shared},
        )

    def _heard(self, answer: Answer, event: Happened | None) -> None:
        if event is not None:
            self.happened += _of_event(event, answer)
        for transition in answer.transitions:
            self.happened += self._of_transition(transition)
        for command in answer.commands:
            self.happened.append(_of_command(command))
            if command["action"] != "CANCEL":
                whose = command["customer_id"]
                self._commands.append((command["send_id"], whose, command["command_id"]))
        for send in answer.sends:
            if send["outcome"] != "SENT":
                self.happened.append(_of_send(send))

    def _of_transition(self, told: Document) -> list[Happening]:
        name, to, label = told["journey"], told["to_stage"], told["label"] or ""
        place: Document = {"key": told["key"], "at": told["occurred_at"]}
        found = []
        if told["from_stage"] is None:
            found.append(Happening("entered", name, place | {"journey": name}))
        if told["milestone"] is not None:
            reached = {"milestone": told["milestone"], "stage": to}
            found.append(Happening("milestones", name, place | reached))
        elif to is not None:
            macro = self._journeys[name]["stages"][to]["macro_stage"]
            found.append(Happening("visited", name, place | {"stage": to, "macro_stage": macro}))
        if told["end"] is not None:
            names = (label, told["end"], *label.split("+"))
            found.append(Happening("ended", name, place | {"as": names}))
        return found


def _known_before(given: Given, at: int) -> Happened:
    cells = [(*cell.split("/"), granted) for cell, granted in given.consent.items()]
    fields = {
        "traits": dict(given.traits),
        "consent": [((p, None if c == "*" else c), granted) for p, c, granted in cells],
        "reachable": given.reachable,
    }
    return Happened(GIVEN, GIVEN, CUSTOMER, None, at, fields)


def _of_event(event: Happened, answer: Answer) -> list[Happening]:
    place: Document = {"event": event.type, "at": event.at}
    found = []
    if answer.outcome != "APPLIED":
        found.append(Happening("inputs", "", place | {"outcome": answer.outcome}))
    for journey, outcome in answer.entries:
        if outcome not in ("ENTERED", "GUARD_FALSE"):
            found.append(Happening("refused", journey, place | {"outcome": outcome}))
    return found


def _of_command(told: Document) -> Happening:
    facts = {"send": told["send_id"], "channel": told["channel"], "at": told["created_at"]}
    facts["key"] = told["journey"][2]
    if told["action"] == "CANCEL":
        return Happening("cancelled", told["journey"][0], facts)
    kind = KIND_OF[told["action"]]
    del facts["send"]
    facts |= {SUBJECTS[kind]: told["send_id"], "data": told["data"], "content": told["content"]}
    facts |= {"target": told["content"], "audience": told["content"]}
    facts |= {name: told[name] for name in ("reply_to", "slot", "team", "op")}
    return Happening(kind, told["journey"][0], facts)


def _of_send(told: Document) -> Happening:
    facts = {"send": told["send_id"], "at": told["decided_at"], "key": told["key"]}
    if told["outcome"] == "DEFERRED":
        waits = {"cause": told["cause"], "until": told["until"]}
        return Happening("deferred", told["journey"], facts | waits)
    return Happening("suppressed", told["journey"], facts | {"outcome": told["outcome"]})

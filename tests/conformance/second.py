"""A case on the naive interpreter, which shares no code with the engine's decisions."""

from typing import Any

from journey_engine.testing.cases import Given, TestCase, TestStep
from journey_engine.testing.happenings import Happening
from journey_engine.testing.verdict import failures
from journey_engine.testing.words import KIND_OF, SUBJECTS
from tests.conformance.reading import Case, Document
from tests.properties import authored
from tests.properties.cel_text import NotKnown
from tests.properties.memory import Answer, Happened, Person
from tests.properties.naive import Naive
from tests.properties.profile import GIVEN

CUSTOMER = "customer"
KEY = f"c:{CUSTOMER}"
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
        self._journeys = {each["journey"]: authored.journey(each) for each in case.journeys}
        self._naive = Naive(
            list(self._journeys.values()),
            authored.customer(case.documents["customer"]),
            authored.policies(case.documents["policies"]),
            authored.channels(case.documents["channels"]),
            case.documents.get("experiments.lock", {}).get("experiments", {}),
        )
        self._test = test
        self._clock = test.steps[0].at
        self._commands: list[tuple[str, str]] = []
        self.happened: list[Happening] = []

    def play(self) -> None:
        if any(step.visitor is not None for step in self._test.steps):
            raise NotKnown("visitors who become customers")
        if any(step.customer is not None for step in self._test.steps):
            raise NotKnown("customers of one account")
        person = Person(KEY, CUSTOMER, None)
        person.past.append(_known_before(self._test.given, self._clock - 1))
        self._naive.people[KEY] = person
        for number, step in enumerate(self._test.steps, 1):
            self._pass(step.at)
            self._clock = max(self._clock, step.at)
            if step.event_type:
                event = self._event(number, step)
                self._heard(self._naive.take(event, self._clock), event)
        stages = [(run.journey, {"stage": run.stage, "key": run.key}) for run in person.running]
        self.happened += [Happening("stage", journey, facts) for journey, facts in stages]

    def _pass(self, up_to: int) -> None:
        while (due := self._naive.next_due(KEY)) is not None and due <= up_to:
            self._clock = max(self._clock, due)
            self._heard(self._naive.tick(KEY, self._clock, self._clock), None)

    def _event(self, number: int, step: TestStep) -> Happened:
        fields: dict[str, Any] = dict(step.fields)
        if "command_id" in fields or "send" in fields:
            send = fields.pop("send", None)
            named = [command for name, command in self._commands if name == send]
            fields["command_id"] = (named or [fields.get("command_id", "")])[-1]
        shared = {name: fields.pop(name) for name in _SHARED if name in fields}
        return Happened(
            type=step.event_type,
            customer_id=CUSTOMER,
            anonymous_id=None,
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
                self._commands.append((command["send_id"], command["command_id"]))
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

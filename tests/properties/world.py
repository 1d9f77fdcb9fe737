"""Everybody at once, for the naive interpreter: customers, who they were as visitors, the accounts
to which they belong, the room on channels. Whatever one of them has to tell another is known at
once.
"""

from dataclasses import dataclass, replace
from typing import Any

from tests.properties.accounts import Accounts
from tests.properties.memory import MINUTE, Answer, Candidate, Happened, Person, Step, millis
from tests.properties.merging import Merging
from tests.properties.naive import ERASED, LINKED, Naive

Document = dict[str, Any]
IDENTITY_WAIT = MINUTE


@dataclass
class Definitions:
    """The documents as `authored` reads them."""

    journeys: list[Document]
    customer: Document
    policies: Document
    channels: Document
    experiments: Document


class World:
    def __init__(self, given: Definitions) -> None:
        of_accounts = [each for each in given.journeys if each.get("subject") == "account"]
        own = [each for each in given.journeys if each.get("subject") != "account"]
        more = (given.channels, given.experiments, of_accounts)
        self.customers = Naive(own, given.customer, given.policies, *more)
        everybody = {"purposes": {name: {"consent": "none"} for name in given.policies["purposes"]}}
        nothing = {"timezone": given.policies.get("timezone"), **everybody}
        accounts = Naive(of_accounts, {}, nothing, given.channels, given.experiments)
        self._accounts = Accounts(self.customers, accounts, given.customer.get("account", {}))
        self._merging = Merging(self.customers, own)
        self._channels = given.channels["channels"]
        self._known_as: dict[str, str] = {}
        """The customer whom a visitor turned out to be."""

    @property
    def people(self) -> list[Person]:
        return [*self.customers.people.values(), *self._accounts.accounts.people.values()]

    def next_due(self) -> int | None:
        """When the next of their timers is due, or the next room is free."""
        dues = [self.customers.next_due(key) for key in self.customers.people]
        dues += [self._accounts.accounts.next_due(k) for k in self._accounts.accounts.people]
        dues += [self._free_from(each, 0) for _, each in self._wanting()]
        return min((due for due in dues if due is not None), default=None)

    def tick(self, due: int, now: int) -> list[Answer]:
        answers = []
        for interpreter in (self.customers, self._accounts.accounts):
            for key in sorted(interpreter.people):
                own = interpreter.next_due(key)
                if own is not None and own <= due:
                    answers.append(interpreter.tick(key, due, now))
        return answers + self._settled(now)

    def take(self, event: Happened, now: int) -> list[tuple[Happened | None, Answer]]:
        """What an event leads to, each answer with the event that it is about."""
        heard: list[tuple[Happened | None, Answer]] = []
        known_as = self._known_as.get(str(event.anonymous_id))
        if event.customer_id is None and known_as is not None:
            heard.append((event, Answer("MERGED")))
            event = replace(event, customer_id=known_as)
        heard.append((event, self._taken(event, now)))
        known = event.key in self.customers.people
        if known and heard[-1][1].outcome not in ("DUPLICATE", "CONFLICT", "ERASED"):
            accounts, copies = self._accounts.accounts, self._accounts.copies(event)
            heard += [(copy, accounts.take(copy, now)) for copy in copies]
        return heard + [(None, answer) for answer in self._settled(now)]

    def order(self, order: str, said: Document, now: int) -> None:
        """An operator's, of a journey (rule V3)."""
        self.customers.operating.order(order, said, now)

    def sweep(self, now: int) -> list[Answer]:
        """Everybody is brought in line with it."""
        people = [person for _, person in sorted(self.customers.people.items())]
        return [self.customers.bring(person, now) for person in people]

    def _taken(self, event: Happened, now: int) -> Answer:
        visitor = event.anonymous_id
        if event.type != LINKED or not (event.customer_id and visitor) or visitor in self._known_as:
            answer = self.customers.take(event, now)
            if event.type == ERASED:
                self._forget(event)
            return answer
        person = self.customers.person(event)
        person.asking_until = now + IDENTITY_WAIT
        answer = self.customers.take(event, now)
        person.asking_until = None
        if answer.outcome in ("DUPLICATE", "CONFLICT", "ERASED"):
            return answer
        self._known_as[visitor] = event.customer_id
        step = Step(person, now, now)
        step.answer = answer
        theirs = self.customers.people.pop(f"a:{visitor}", Person(f"a:{visitor}", None, visitor))
        self._merging.hand_over(step, theirs)
        self.customers.instances.reckon(step)
        self.customers.decide(step)
        return answer

    def _forget(self, event: Happened) -> None:
        """Rule M4: the visitors who were the customer are erased, too."""
        for visitor in [
            v for v, customer in self._known_as.items() if customer == event.customer_id
        ]:
            del self._known_as[visitor]
            afresh = Person(f"a:{visitor}", None, visitor)
            afresh.erased_at = event.at
            self.customers.people[afresh.key] = afresh

    def _settled(self, now: int) -> list[Answer]:
        """What follows for others: sends of accounts, and room on channels (rules M3, C6)."""
        answers: list[Answer] = []
        while True:
            more = self._accounts.decide(now) + self._accounts.settle(now) + self._granted(now)
            answers += more
            if not any(each.sends or each.commands or each.transitions for each in more):
                return answers

    # Rule C6.

    def _wanting(self) -> list[tuple[Person, Candidate]]:
        return [(who, each) for who in self.people for each in who.waiting if each.room]

    def _free_from(self, candidate: Candidate, now: int) -> int:
        """When its channel has room: `most` commands were written in no time of length `per`."""
        most, per = limit(self._channels[candidate.room]["capacity"])
        written = sorted(self.customers.sending.written.get(str(candidate.room), []))
        return max(now, written[-most] + per if len(written) >= most else 0)

    def _granted(self, now: int) -> list[Answer]:
        """By score, priority and age, as long as there is room, one after the other."""
        answers: list[Answer] = []
        while True:
            ready = [pair for pair in self._wanting() if self._free_from(pair[1], now) <= now]
            if not ready:
                return answers
            person, candidate = min(ready, key=lambda pair: self.customers.sending.urgency(*pair))
            person.waiting.remove(candidate)
            candidate.granted, candidate.room = candidate.room, None
            step = Step(person, now, now)
            step.candidates = [candidate]
            interpreter = self._accounts.accounts if person.key.startswith("b:") else self.customers
            interpreter.decide(step)
            answers.append(step.answer)


def limit(written: Any) -> tuple[int, int]:
    """`40 per 1h`, or `{max: 40, per: 1h}`: how many, in how long."""
    if isinstance(written, dict):
        return int(written["max"]), millis(written["per"])
    most, _, per = str(written).split()
    return int(most), millis(per)

"""Journeys of accounts for the naive interpreter (rule M3): an account lives through the events of
its members, and asks them for what it sends.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tests.properties.cel_text import NotKnown, parsed
from tests.properties.memory import Answer, Candidate, Happened, Person, Running, Step
from tests.properties.naive import ERASED, LINKED, Naive
from tests.properties.taking_back import CANCELLING
from tests.properties.trees import Cel, NoValue, walk

Document = dict[str, Any]
_ROLE = re.compile(r"role\('([^']*)'\)")
_READ_THERE = {"data", "score"}
_SAID_THERE = {"when", "delay", "to", "on_suppressed"}


@dataclass
class Asked:
    """A send that the account asks a member for, and what stands for its instance there."""

    member: Person
    stub: Running
    candidate: Candidate
    """As the account asked for it."""


class Accounts:
    def __init__(self, customers: Naive, accounts: Naive, rule: Document) -> None:
        self._customers = customers
        self.accounts = accounts
        self._rule = rule
        self._asked: list[Asked] = []
        accounts.sending.ask_members = self._ask
        accounts.guards.members = lambda person: self._members(person.key[2:], None)
        self._new: list[Asked] = []

    def copies(self, event: Happened) -> list[Happened]:
        """The event for the account to which its customer belongs at that time, and for the one
        that asked for the command that it answers.
        """
        if event.type not in self.accounts.read_types() - {ERASED, LINKED}:
            return []
        mine, _ = self._membership(self._customers.people[event.key])
        command = event.fields.get("command_id")
        asking = [
            self._origin(asked)[0].key[2:]
            for asked in self._asked
            if command in [one.command_id for one in asked.stub.issued]
        ]
        return [replace(event, account=name) for name in dict.fromkeys((mine, *asking)) if name]

    def _membership(self, person: Person) -> tuple[str, str | None]:
        """As a trait: the last word by `occurred_at`."""
        told = []
        for event in person.past:
            for source in self._rule.get("from", []):
                type_, name = source.split(".")
                if type_ == event.type and event.fields[name] is not None:
                    told.append((event.at, event.event_id, event.fields[name], event))
        if not told:
            return "", None
        _, _, account, event = max(told, key=lambda one: one[:2])
        roles = [s.split(".")[1] for s in self._rule.get("role", []) if s.startswith(event.type)]
        return account, event.fields[roles[0]] if roles else None

    def _members(self, account: str, role: str | None) -> list[str]:
        found = []
        for person in self._customers.people.values():
            belongs, as_ = self._membership(person)
            if person.customer_id is not None and belongs == account and role in (None, as_):
                found.append(person.customer_id)
        return sorted(found)

    def _ask(self, step: Step, candidate: Candidate) -> str | None:
        """Ask those whom it means; why nobody could be asked. None where somebody was."""
        view = self.accounts.guards.view(
            step,
            candidate.run,
            candidate.event,
            self.accounts.sending.journeys[candidate.run.journey].get("features", {}),
        )
        to, account = str(candidate.action["to"]), step.person.key[2:]
        role = _ROLE.fullmatch(to)
        if to == "members" or role is not None:
            people = self._members(account, role and role[1])
        else:
            people = [walk(parsed(to).tree, view)]
        if not people:
            return "UNREACHABLE"
        action = {n: value for n, value in candidate.action.items() if n not in _SAID_THERE}
        try:
            for name in _READ_THERE & action.keys():
                action[name] = {n: _said(walk(v.tree, view)) for n, v in action[name].items()}
        except NoValue:
            return "GUARD_ERROR"
        for customer in people:
            self._new.append(self._for(customer, candidate, action))
        return None

    def _for(self, customer: str, candidate: Candidate, action: Document) -> Asked:
        nobody = Person(f"c:{customer}", customer, None)
        person = self._customers.people.setdefault(f"c:{customer}", nobody)
        run = candidate.run
        stub = replace(run, issued=[], waits=[], visits={candidate.stage: candidate.visit})
        stub.stage = candidate.stage
        person.everything.append(stub)
        return Asked(person, stub, replace(candidate, run=stub, action=action))

    def decide(self, now: int) -> list[Answer]:
        """What members make of it, each with the consent and the caps of their own."""
        answers = []
        while self._new:
            asked = self._new.pop(0)
            self._asked.append(asked)
            step = Step(asked.member, now, now)
            step.candidates = [asked.candidate]
            self._customers.decide(step)
            answers.append(step.answer)
            answers.append(self._follow(asked, step.answer.sends[0]["outcome"], now))
        return answers

    def _origin(self, asked: Asked) -> tuple[Person, Running]:
        return next(
            (account, run)
            for account in self.accounts.people.values()
            for run in account.everything
            if (run.journey, run.entry_no, run.key, run.entered_at)
            == (asked.stub.journey, asked.stub.entry_no, asked.stub.key, asked.stub.entered_at)
        )

    def _follow(self, asked: Asked, outcome: str, now: int) -> Answer:
        """The instance of the account goes where the send's `on_suppressed` says (rule C9)."""
        account, run = self._origin(asked)
        rules = self.accounts.sending.action(run, asked.candidate.action["id"])
        if outcome == "DEFERRED" and "on_suppressed" in rules:
            raise NotKnown("`on_suppressed` of an account's send that waits")
        step = Step(account, now, now)
        original = replace(asked.candidate, run=run, action=rules)
        self.accounts.instances.follow(step, original, outcome, Counter())
        self.accounts.decide(step)
        return step.answer

    def settle(self, now: int) -> list[Answer]:
        """What was sent is the account's instance's, too; where that is over nobody waits on."""
        answers = []
        for asked in self._asked:
            _, run = self._origin(asked)
            run.issued += [one for one in asked.stub.issued if one not in run.issued]
            if run.ended in CANCELLING:
                step = Step(asked.member, now, now)
                self._customers.sending.cancel(step, asked.stub, {"end", "leave"}, None)
                answers.append(step.answer)
        return answers


def _said(value: Any) -> Cel:
    """A value that the account read, as an expression."""
    made = Cel(repr(value))
    made.tree = ("lit", value)
    return made

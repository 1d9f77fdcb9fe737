"""Who somebody turns out to be, for the naive interpreter (rules M1, M2): both pasts are one."""

from typing import Any

from tests.properties.cel_text import NotKnown
from tests.properties.memory import Candidate, Issued, Person, Running, Step
from tests.properties.naive import DAY, LINKED, Naive
from tests.properties.other_actions import is_open

Document = dict[str, Any]
Group = tuple[str, str | None]
VISITORS = 1_000_000
"""Entries of a visitor are numbered from here: no customer has so many."""


class Merging:
    def __init__(self, naive: Naive, journeys: list[Document]) -> None:
        self._naive = naive
        self._journeys = {journey["journey"]: journey for journey in journeys}

    def hand_over(self, step: Step, theirs: Person) -> None:
        """All that was the visitor's is the customer's; what is then double, or too much, goes."""
        ours = step.person
        over = self._over(ours, theirs, step.now)
        sides = [
            (list(who.waiting), [run for run in who.everything if run.ended])
            for who in (ours, theirs)
        ]
        groups = self._groups([*ours.running, *theirs.running])
        for run in theirs.everything:
            run.entry_no += VISITORS * (1 + len(ours.aliases))
        _unite(ours, theirs)
        ours.aliases.append(str(theirs.anonymous_id))
        for group, runs in sorted(groups.items(), key=str):
            if group in over:
                for run in runs:
                    self._lose(step, run, None)
            elif len(runs) > 1:
                winner = max(runs, key=self._standing)
                for run in runs:
                    if run is not winner:
                        self._lose(step, run, winner)
                self._call_back_doubles(step, winner)
        self._part_twins(step, *(self._by_place(step, *side) for side in sides))
        ours.asking_until = None
        self._withdraw(step)
        step.candidates += [each for each in ours.waiting if each.of_identity]
        ours.waiting = [each for each in ours.waiting if not each.of_identity]

    def _group(self, run: Running) -> Group:
        everywhere = self._journeys[run.journey].get("reentry", {}).get("per") == "customer"
        return run.journey, None if everywhere else run.key

    def _groups(self, running: list[Running]) -> dict[Group, list[Running]]:
        groups: dict[Group, list[Running]] = {}
        for run in running:
            groups.setdefault(self._group(run), []).append(run)
        return groups

    def _over(self, ours: Person, theirs: Person, now: int) -> set[Group]:
        """Where one that ended, of either, beats those that live: within a day, or ever if it
        may be entered once. An end is forgotten when the same is entered again.
        """
        found = set()
        for who in (ours, theirs):
            live = {self._group(run) for run in who.running}
            for run in who.everything:
                group = self._group(run)
                once = self._journeys[run.journey].get("reentry", {}).get("mode") == "once"
                lately = run.ended_at is not None and run.ended_at > now - DAY
                if group not in live and run.ended != "MERGED" and (once or lately):
                    found.add(group)
        return found

    def _standing(self, run: Running) -> tuple[int, int, int]:
        stages = self._journeys[run.journey]["stages"]
        rank = stages[run.stage].get("rank", list(stages).index(run.stage))
        return rank, run.stage_entered_at, -run.entry_no

    def _lose(self, step: Step, run: Running, winner: Running | None) -> None:
        """What the loser asked for is over; what it sent is the winner's, or taken back."""
        sending, instances = self._naive.sending, self._naive.instances
        if winner is not None:
            winner.issued += run.issued
            winner.milestones += [one for one in run.milestones if one not in winner.milestones]
            run.issued = []
        sending.cancel(step, run, {"end", "leave", "never"}, None)
        instances.end(step, run, "MERGED", None, LINKED)

    def _call_back_doubles(self, step: Step, winner: Running) -> None:
        """Of those that can be taken back the earliest stays, unless one is out of reach."""
        taken = set()
        ordered = sorted(winner.issued, key=lambda one: (is_open(one, step.now), one.at))
        for issued in ordered:
            if not issued.cancelled and place(issued) in taken:
                self._naive.sending.call_back(step, winner, issued)
            if not issued.cancelled:
                taken.add(place(issued))

    def _by_place(
        self, step: Step, waiting: list[Candidate], ended: list[Running]
    ) -> dict[Any, list[Any]]:
        """What is out of those that ended, then what waits of them, then of those that live."""
        found: dict[Any, list[Any]] = {}
        out = [(one.at, one, run) for run in ended for one in run.issued if is_open(one, step.now)]
        for _, issued, run in sorted(out, key=lambda each: each[0]):
            found.setdefault((self._group(run), place(issued)), []).append((run, issued))
        for one in sorted(waiting, key=_comes):
            if one in step.person.waiting:
                where = (one.action["id"], one.stage, one.visit, one.number, one.attempt)
                found.setdefault((self._group(one.run), where), []).append((one.run, one))
        return found

    def _part_twins(
        self, step: Step, ours: dict[Any, list[Any]], theirs: dict[Any, list[Any]]
    ) -> None:
        """Of the first of one at a place and the first of the other the earlier stays; so on."""
        for where in sorted(ours.keys() & theirs.keys(), key=str):
            for pair in zip(ours[where], theirs[where], strict=False):
                run, later = max(pair, key=lambda each: _comes(each[1]))
                if isinstance(later, Candidate):
                    self._naive.sending.drop(step, later)
                else:
                    self._naive.sending.call_back(step, run, later)

    def _withdraw(self, step: Step) -> None:
        """Consent that either withdrew is withdrawn for both (rule K1)."""
        writes = self._naive.profile.consent_writes
        past = step.person.past
        denied = {cell[0] for each in past for cell, granted in writes(each) if not granted}
        self._naive.sending.withdraw(step, denied)


def _comes(one: Candidate | Issued) -> tuple[bool, bool, int]:
    if isinstance(one, Candidate):
        return (True, not one.run.ended, one.asked_at)
    return (False, False, one.at)


def place(issued: Issued) -> tuple[Any, ...]:
    """Where it was asked for: two of one place are the same message."""
    return issued.send, issued.stage, issued.visit, issued.of.number, issued.of.attempt


def _unite(ours: Person, theirs: Person) -> None:
    ours.read = sorted([*ours.read, *theirs.read], key=lambda one: one[3])
    ours.past = sorted([*ours.past, *theirs.past], key=lambda one: one.read_at)
    ours.running += theirs.running
    ours.everything += theirs.everything
    ours.waiting += theirs.waiting
    for name, latest in theirs.latest.items():
        ours.latest[name] = max(latest, ours.latest.get(name, latest))
    for mine, their in ((ours.entered, theirs.entered), (ours.left, theirs.left)):
        for name, times in their.items():
            mine[name] = [*mine.get(name, []), *times]
    for name, arm in theirs.arms.items():
        if ours.arms.setdefault(name, arm) != arm:
            raise NotKnown("two arms of one experiment")
    for where, seen in theirs.patterns.items():
        ours.patterns[where] = [*ours.patterns.get(where, []), *seen]

"""Contact policy for the naive interpreter (rules C1, C3 to C5, C8, J4)."""

from datetime import datetime, time
from hashlib import sha256
from typing import Any

from tests.properties.appointments import clock
from tests.properties.cel_text import NotKnown
from tests.properties.guards import Guards, Warming
from tests.properties.memory import MINUTE, Candidate, Happened, Issued, Person, Step, millis
from tests.properties.trees import NoValue, walk

Document = dict[str, Any]
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EXTERNAL = "ExternalSend"
_FACTORS = ("propensity", "context", "value", "lever")


class Contact:
    def __init__(self, guards: Guards, journeys: dict[str, Document], policies: Document) -> None:
        self._guards = guards
        self._journeys = journeys
        self._policies = policies
        rules = policies.get("arbitration", [])
        self._arbitrations = rules if isinstance(rules, list) else [rules]

    def _purpose(self, name: str) -> Document:
        purpose: Document = self._policies["purposes"].get(name, {})
        return purpose

    def _local(self, step: Step, at: int) -> datetime:
        return clock(at, self._guards.profile.zone(step.person.past, at))

    # (1) and (2).

    def held_out(self, step: Step, purpose: str) -> bool:
        """Rule J4."""
        if self._purpose(purpose)["consent"] == "none":
            return False
        today = self._local(step, step.now).date().isoformat()
        for holdout in self._policies.get("holdouts", []):
            share = float(holdout["share"].rstrip("%")) * 100
            over = "until" in holdout and today > holdout["until"]
            who = step.person.customer_id or step.person.anonymous_id
            digest = sha256(f"{holdout['id']}/{who}".encode()).digest()
            within = int(digest[:8].hex(), 16) % 10_000 < share
            if purpose in holdout["purposes"] and within and not over:
                return True
        return False

    def held(self, step: Step, candidate: Candidate, purpose: str) -> Any:
        """Rule C8: None, `drop`, or until when it is kept back."""
        if self._purpose(purpose)["consent"] == "none":
            return None
        until = []
        for run in step.person.running:
            rule = self._journeys[run.journey].get("holds")
            if rule is None or run.journey == candidate.run.journey:
                continue
            over = run.entered_at + millis(rule["at_most"])
            meant = (
                purpose in rule.get("purposes", [])
                or candidate.action.get("theme") in rule.get("themes", [])
                or candidate.run.journey in rule.get("journeys", [])
            )
            if meant and step.now < over:
                if rule["then"] == "drop":
                    return "drop"
                until.append(over)
        return max(until, default=None)

    # (3).

    def contradicted(self, step: Step, candidate: Candidate, above: list[Candidate]) -> bool:
        themes = self._policies.get("themes")
        theme = candidate.action.get("theme")
        if themes is None or theme is None:
            return False
        others = {t for pair in themes["conflicts"] if theme in pair for t in pair} - {theme}
        since = step.now - millis(themes["within"])
        sent = [i.theme for i in counted(step.person) if since < i.at <= step.now]
        return bool(others & {*sent, *(each.action.get("theme") for each in above)})

    # (4).

    def quiet(self, step: Step, purpose: str, channel: str, at: int) -> bool:
        """Rule C4: `[start, end)` by the customer's clock; over midnight of its start day."""
        if self._purpose(purpose).get("quiet", "ignore") == "ignore":
            return False
        wall = self._local(step, at)
        for window in self._policies.get("quiet_hours", []):
            start, end = time.fromisoformat(window["start"]), time.fromisoformat(window["end"])
            day, shown = wall.weekday(), wall.time()
            overnight = start > end
            inside = (shown >= start or shown < end) if overnight else start <= shown < end
            if overnight and shown < end:
                day = (day - 1) % 7
            if (
                inside
                and _DAYS[day] in window.get("days", _DAYS)
                and channel in window.get("channels", [channel])
                and purpose in window.get("purposes", [purpose])
            ):
                return True
        return False

    def opening(self, step: Step, purpose: str, channel: str) -> int:
        """The first minute that is not quiet."""
        at = step.now
        while self.quiet(step, purpose, channel, at):
            at = at - at % MINUTE + MINUTE
        return at

    def skips(self, purpose: str) -> bool:
        return bool(self._purpose(purpose).get("quiet") == "skip")

    # (5).

    def rank(self, step: Step, candidates: list[Candidate]) -> list[Candidate]:
        """Rule C5: those that compete by score, after the others; then by priority."""

        def place(candidate: Candidate) -> tuple[float, int]:
            journey = self._journeys[candidate.run.journey]
            priority: Any = candidate.action.get("priority", journey.get("priority", 50))
            competes = self._purpose(journey["purpose"]).get("arbitrate", False)
            score = self._score(step, candidate) if competes else float("inf")
            return -score, -priority

        rivals = [
            (*place(each), each.action.get("slot") if kind == "SHOW" else kind == "ROUTE")
            for each in candidates
            if (kind := each.action.get("kind", "SEND")) in ("ROUTE", "SHOW")
            or self._purpose(self._journeys[each.run.journey]["purpose"]).get("obeys")
            or self.arbitration(self._journeys[each.run.journey]["purpose"])
        ]
        if len(set(rivals)) < len(rivals):
            raise NotKnown("the hash that ranks candidates of one score and priority")
        return sorted(candidates, key=place)

    def urgency(self, step: Step, candidate: Candidate) -> float:
        """The score by which it competes, 1 where it does not."""
        purpose = self._purpose(self._journeys[candidate.run.journey]["purpose"])
        return self._score(step, candidate) if purpose.get("arbitrate", False) else 1.0

    def _score(self, step: Step, candidate: Candidate) -> float:
        journey = self._journeys[candidate.run.journey]
        view = self._guards.view(step, candidate.run, candidate.event, journey.get("features", {}))
        score: float = 1.0
        for name in _FACTORS:
            try:
                value = walk(candidate.action["score"][name].tree, view)
            except (KeyError, NoValue, Warming):
                value = None
            score *= 1.0 if value is None else float(value)
        return score

    def room(self, step: Step, purpose: str, channel: str, sent: list[Issued]) -> bool:
        """Rule C3: whether every cap that the purpose obeys allows one more."""
        return all(
            self._used(step, name, sent) < self._policies["caps"][name]["max"]
            for name in self._purpose(purpose).get("obeys", [])
            if channel in self._policies["caps"][name].get("channels", [channel])
        )

    def _used(self, step: Step, name: str, sent: list[Issued]) -> int:
        cap = self._policies["caps"][name]
        return sum(
            name in self._purpose(issued.purpose).get("counts", [])
            and issued.channel in cap.get("channels", [issued.channel])
            and self._in_period(step, cap, issued.at)
            for issued in sent
        )

    def _in_period(self, step: Step, cap: Document, at: int) -> bool:
        if "rolling" in cap:
            return step.now - millis(cap["rolling"]) < at <= step.now
        now, then = self._local(step, step.now).date(), self._local(step, at).date()
        return {
            "day": now == then,
            "week": now.isocalendar()[:2] == then.isocalendar()[:2],
            "month": (now.year, now.month) == (then.year, then.month),
        }[cap["calendar"]]

    # Slots.

    def arbitration(self, purpose: str) -> Document | None:
        """How the purpose collects, if it does."""
        return next((a for a in self._arbitrations if a["purpose"] == purpose), None)

    def _is_of(self, candidate: Candidate, purpose: str) -> bool:
        return bool(self._journeys[candidate.run.journey]["purpose"] == purpose)

    def slot(self, step: Step, purpose: str, at: int) -> int:
        """The next slot at or after a time; the end of the collection that goes on, or begins."""
        arbitration = self.arbitration(purpose)
        assert arbitration is not None
        if "collect" in arbitration:
            going = [c.due for c in step.person.waiting if c.at_slot and self._is_of(c, purpose)]
            return min((due for due in going if due), default=at + millis(arbitration["collect"]))
        at += -at % MINUTE
        while self._local(step, at).strftime("%H:%M") not in arbitration["slots"]:
            at += MINUTE
        return at


def counted(person: Person) -> list[Issued]:
    """All messages that count: sent, and neither taken back nor come back; those of others, too."""
    every = [issued for run in person.everything for issued in run.issued]
    own = [i for i in every if i.kind == "SEND" and not (i.cancelled or i.returned)]
    return own + [_of_others(event) for event in person.past if event.type == EXTERNAL]


def _of_others(event: Happened) -> Issued:
    """What another platform tells that it sent; it counts at its time, or when heard of."""
    return Issued(
        command_id=event.event_id,
        send="",
        channel=event.channel,
        purpose=event.fields["purpose"],
        at=min(event.at, event.read_at),
        not_before=event.at,
        cancel_on="never",
        stage="",
        visit=0,
        theme=event.fields["theme"],
    )

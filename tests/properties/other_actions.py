"""What routes, shows, tasks and syncs have of their own, for the naive interpreter (A2 to A5)."""

from typing import Any

from tests.properties.memory import Candidate, Happened, Issued, Person, Step, millis

Document = dict[str, Any]
ANSWERS = {
    "MessageBounced": "",
    "MessageClicked": "",
    "MessageDelivered": "",
    "MessageFailed": "",
    "MessageOpened": "",
    "RouteApplied": "ROUTE",
    "Shown": "SHOW",
    "Dismissed": "SHOW",
    "TaskAccepted": "",
    "TaskDeclined": "TASK",
    "TaskDone": "TASK",
    "TaskExpired": "TASK",
    "TaskUnacked": "",
}
"""What answers a command, and the action that it closes."""
READ = {
    "SEND": {"MessageDelivered", "MessageBounced", "MessageFailed"},
    "ROUTE": {"RouteApplied"},
    "SHOW": {"Shown", "Dismissed"},
    "TASK": {"TaskAccepted", "TaskDeclined", "TaskDone"},
    "SYNC": set[str](),
}
"""What is read where some journey has such an action, whoever reads it besides."""
WITHOUT_POLICY = {"ROUTE", "TASK"}
"""Never held, held out, capped or kept quiet: they talk to no one who is not there."""


def read_for(journey: Document) -> set[str]:
    """The answers to the journey's actions (A7, C3, C7)."""
    found: set[str] = set()
    for stage in journey["stages"].values():
        ways = [way.get("do", []) for way in stage.get("transitions", [])]
        for action in sum(ways, [*stage.get("on_enter", []), *stage.get("on_exit", [])]):
            found |= READ[action["send"].get("kind", "SEND")]
            if "preferred" in action["send"]["channels"]:
                found |= {"MessageOpened", "MessageClicked"}
    return found


def is_open(issued: Issued, now: int) -> bool:
    """Rule A7: whether it can still be taken back."""
    if issued.cancelled or issued.closed or issued.returned:
        return False
    return issued.kind in ("ROUTE", "SHOW", "TASK") or issued.not_before > now


def answered(person: Person, event: Happened) -> None:
    """An answer closes its command; a task taken on is no longer waited for."""
    for issued in every(person):
        if event.type in ANSWERS and issued.command_id == event.fields.get("command_id"):
            issued.closed = issued.closed or ANSWERS[event.type] == issued.kind
            issued.accepted = issued.accepted or event.type == "TaskAccepted"


def deadlines(person: Person) -> list[tuple[int, str, Issued]]:
    """Rule A4: when nobody will have taken on, or done, a task of a live instance."""
    found = []
    for run in person.running:
        for issued in run.issued:
            if issued.kind == "TASK" and not (issued.closed or issued.cancelled):
                if issued.ack_by is not None and not issued.accepted:
                    found.append((issued.ack_by, "TaskUnacked", issued))
                if issued.not_after is not None:
                    found.append((issued.not_after, "TaskExpired", issued))
    return found


def due_of(step: Step, candidate: Candidate, expires: str | None) -> Document:
    """Rule A4: until when a TASK is to be taken on, and to be done."""
    action = candidate.action
    ack = step.now + millis(action["ack_within"]) if "ack_within" in action else None
    due = None if expires is None else candidate.asked_at + millis(expires)
    return {"ack_by": ack, "due_at": due if action.get("kind") == "TASK" else None}


def raised(person: Person, due: int, type_: str, issued: Issued) -> Happened:
    """The engine's own event."""
    return Happened(
        type=type_,
        event_id=f"{issued.command_id}/{type_}",
        customer_id=person.customer_id,
        anonymous_id=person.anonymous_id,
        at=due,
        fields={"command_id": issued.command_id},
    )


def taken(step: Step, kind: str, contested: Any) -> list[Issued]:
    """Those before it that have the same contact, or the same slot."""
    return [
        issued
        for issued in every(step.person)
        if issued.kind == kind
        and issued.contested == contested
        and (kind == "ROUTE" or is_open(issued, step.now))
        and not issued.cancelled
    ]


def every(person: Person) -> list[Issued]:
    return [issued for run in person.everything for issued in run.issued]

"""A journey against the contact policy: what it sends by itself that the policy refuses (rule V4).

Looked at are the paths that need no event and no guard: waits and splits. On these, whoever gets
all that is sent before does not get the rest. Left out are `choose` (what one branch asks another
may have answered before), waits `since` a send (they begin when it left), sends with a `when` and
those that leaving takes back, purposes whose candidates wait for a slot, and accounts' journeys,
which send to several people.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from journey_engine.define.action_form import PREFERRED, SendForm
from journey_engine.define.action_plan import CancelOn
from journey_engine.define.document import JourneyDocument, StageForm
from journey_engine.define.place import Place
from journey_engine.define.policy_plan import PLAIN, CapPlan, Period, Policy

STEPS_MAX: Final = 10_000
"""Most steps of paths that are looked at in one journey."""


class _Sent(NamedTuple):
    at: int
    form: SendForm
    place: Place


class _Path(NamedTuple):
    stages: tuple[str, ...]
    at: int
    """Time since it began, in milliseconds."""
    sent: tuple[_Sent, ...]


def check_contacts(document: JourneyDocument, place: Place, policy: Policy) -> None:
    """Report what a journey alone would send beyond a cap, or against its own theme."""
    purpose = policy.purposes.get(document.purpose, PLAIN)
    unasked = purpose.collection is not None or document.of_account
    if unasked or not (purpose.obeys or policy.conflicts):
        return
    caps = [cap for cap in purpose.obeys if document.purpose in cap.counted]
    reported: set[tuple[str, str]] = set()
    for path in _paths(document, place, policy.memory):
        last = path.sent[-1]
        for cap in caps:
            if _breaks(path.sent, cap) and (last.form.id, cap.name) not in reported:
                reported.add((last.form.id, cap.name))
                _report_cap(last.place, cap)
        other = _contradicted(path.sent, policy)
        if other is not None and (last.form.id, other.id) not in reported:
            reported.add((last.form.id, other.id))
            message = f"its theme `{last.form.theme}` contradicts `{other.theme}` of `{other.id}`"
            hint = "whoever was sent that one does not get this one: wait longer, or drop one"
            last.place.at("theme").error("THEMES_CONTRADICT", message, hint)


def _report_cap(place: Place, cap: CapPlan) -> None:
    message = f"the journey alone breaks the cap `{cap.name}`, which allows {cap.max}"
    hint = "whoever was sent those before does not get this one: wait longer, or send less"
    place.at("id").error("CAP_BROKEN_ALONE", message, hint)


def _paths(document: JourneyDocument, place: Place, longest: int) -> Iterator[_Path]:
    """Every path that needs no event, at each send on it."""
    ahead = [_Path((name,), 0, ()) for name in document.stages]
    for _ in range(STEPS_MAX):
        if not ahead:
            return
        path = ahead.pop()
        name = path.stages[-1]
        for send in _sends(document, name, place, path.at):
            path = path._replace(sent=(*path.sent, send))
            yield path
        for to, wait in _ways(document, path):
            if to in document.stages and to not in path.stages and path.at + wait <= longest:
                ahead.append(_Path((*path.stages, to), path.at + wait, path.sent))


def _sends(document: JourneyDocument, stage: str, place: Place, at: int) -> Iterator[_Sent]:
    for index, action in enumerate(document.stages[stage].on_enter):
        send = action.send
        if send is not None and send.when is None and send.cancel_on != CancelOn.LEAVE.value:
            where = place.at("stages", stage, "on_enter", index, "send")
            yield _Sent(at + (send.delay or 0), send, where)


def _ways(document: JourneyDocument, path: _Path) -> Iterator[tuple[str, int]]:
    """Where one goes on from a path without any event or guard, and after how long."""
    form = document.stages[path.stages[-1]]
    if form.split is not None and not _drawn(document, form.split.experiment, path.stages[:-1]):
        yield from ((to, 0) for to in form.ways)
    for each in form.transitions:
        waits = each.after is not None and each.since is None
        if each.to is not None and each.when is None and (each.always or waits):
            yield each.to, each.after or 0


def _drawn(document: JourneyDocument, experiment: str, before: tuple[str, ...]) -> bool:
    """Whether who went through these stages may have an arm already, which is theirs for good."""
    ahead = [name for name, form in document.stages.items() if _splits_by(form, experiment)]
    beyond: set[str] = set()
    while ahead:
        for to in document.stages[ahead.pop()].targets:
            if to in document.stages and to not in beyond:
                beyond.add(to)
                ahead.append(to)
    return not beyond.isdisjoint(before)


def _splits_by(form: StageForm, experiment: str) -> bool:
    return form.split is not None and form.split.experiment == experiment


def _breaks(sent: tuple[_Sent, ...], cap: CapPlan) -> bool:
    """Whether the last one comes while as many as are allowed count."""
    last = sent[-1]
    length = cap.length if cap.period is Period.ROLLING else 1
    counted = [one for one in sent[:-1] if _on(one, cap) and 0 <= last.at - one.at < length]
    return _on(last, cap) and len(counted) >= cap.max


def _on(sent: _Sent, cap: CapPlan) -> bool:
    """Whether it counts on whatever channel it leaves."""
    return cap.channels is None or set(sent.form.channels) - {PREFERRED} <= cap.channels


def _contradicted(sent: tuple[_Sent, ...], policy: Policy) -> SendForm | None:
    """The last send before whose theme contradicts that of the last one."""
    last = sent[-1]
    others = policy.conflicts.get(last.form.theme or "", frozenset())
    found = [
        one.form
        for one in sent[:-1]
        if one.form.theme in others and 0 <= last.at - one.at < policy.conflicts_within
    ]
    return found[-1] if found else None

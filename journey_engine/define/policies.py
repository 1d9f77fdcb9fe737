"""policies.yaml to the contact policy: caps, quiet hours, arbitration, holdouts, themes.

What a purpose says nothing of, it does not do; but quiet hours that a purpose says nothing of are
an error, for nobody should be written to at night for want of a word.
"""

import datetime as dt
from collections.abc import Collection as Several
from typing import Final

from journey_engine.define.calendar_form import WEEKDAYS
from journey_engine.define.calendar_plan import EVERY_WEEKDAY
from journey_engine.define.central import PoliciesDocument
from journey_engine.define.place import Place, suggestion
from journey_engine.define.policy_form import ArbitrationForm, HoldsForm, QuietHoursForm
from journey_engine.define.policy_plan import (
    PLAIN,
    CapPlan,
    Collection,
    Hold,
    Holdout,
    Period,
    Policy,
    PurposePlan,
    Quiet,
    QuietWindow,
)

_NONE: Final = "none"
"""The consent of what is part of a contract: such a purpose is transactional."""
_MS: Final = dt.timedelta(milliseconds=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def compile_policy(
    document: PoliciesDocument, place: Place, channels: Several[str], zone: dt.tzinfo
) -> Policy:
    """The policy; it is whole only if no error was reported. `zone` is the policies' own."""
    return _Policies(document, place, channels, zone).compile()


def compile_holds(form: HoldsForm, place: Place, policy: Policy) -> Hold:
    """What a journey holds."""
    for index, name in enumerate(form.purposes or ()):
        if policy.purposes.get(name, PLAIN).transactional:
            _report_transactional(place.at("purposes", index), name)
    return Hold(
        at_most=form.at_most,
        drop=form.then == "drop",
        purposes=frozenset(form.purposes or ()),
        themes=frozenset(form.themes or ()),
        journeys=frozenset(form.journeys or ()),
    )


class _Policies:
    def __init__(
        self, document: PoliciesDocument, place: Place, channels: Several[str], zone: dt.tzinfo
    ) -> None:
        self._document = document
        self._place = place
        self._channels = channels
        self._zone = zone

    def compile(self) -> Policy:
        document = self._document
        caps = self._caps()
        collections = self._collections()
        holdouts = self._holdouts()
        self._check_quiet()
        purposes = {
            name: PurposePlan(
                transactional=form.consent == _NONE,
                quiet=Quiet(form.quiet or Quiet.IGNORE),
                obeys=tuple(caps[cap] for cap in sorted(form.obeys) if cap in caps),
                arbitrate=form.arbitrate,
                collection=collections.get(name),
                holdouts=tuple(each for each, of in holdouts if name in of),
                teams=_set(form.teams),
            )
            for name, form in sorted(document.purposes.items())
        }
        quiet = tuple(_window(form) for form in document.quiet_hours)
        themes = document.themes
        return Policy(
            purposes=purposes,
            caps=tuple(caps.values()),
            quiet=quiet,
            conflicts=self._conflicts(),
            conflicts_within=(themes and themes.within) or 0,
        )

    def _caps(self) -> dict[str, CapPlan]:
        document = self._document
        counted: dict[str, set[str]] = {name: set() for name in document.caps}
        obeyed: set[str] = set()
        for name, form in sorted(document.purposes.items()):
            at = self._place.at("purposes", name)
            for key, listed in (("obeys", form.obeys), ("counts", form.counts)):
                for index, cap in enumerate(listed):
                    if cap not in document.caps:
                        where = at.at(key, index)
                        hint = suggestion(cap, document.caps)
                        where.error("UNKNOWN_CAP", f"`caps` has no `{cap}`", hint)
                    elif key == "counts":
                        counted[cap].add(name)
                    else:
                        obeyed.add(cap)
        for name, cap_form in sorted(document.caps.items()):
            at = self._place.at("caps", name)
            self._check_channels(cap_form.channels, at)
            if name not in obeyed or not counted[name]:
                message = f"no purpose {'counts' if name in obeyed else 'obeys'} the cap `{name}`"
                at.key_error("CAP_UNUSED", message, "name it in `obeys` and `counts` of purposes")
        return {
            name: CapPlan(
                name,
                form.max,
                Period.ROLLING if form.calendar is None else Period(form.calendar),
                form.rolling or 0,
                _set(form.channels),
                frozenset(counted[name]),
            )
            for name, form in sorted(document.caps.items())
        }

    def _collections(self) -> dict[str, Collection]:
        found: dict[str, Collection] = {}
        for index, form in enumerate(self._document.arbitration):
            at = self._place.at("arbitration")
            at = at.at(index) if index in at.node.children else at
            purpose = self._document.purposes.get(form.purpose)
            if not self._check_purpose(form.purpose, at.at("purpose")):
                continue
            if purpose is None or not purpose.arbitrate or form.purpose in found:
                message = f"`{form.purpose}` does not say `arbitrate: true`"
                if form.purpose in found:
                    message = f"`{form.purpose}` has two arbitrations"
                at.at("purpose").error(
                    "ARBITRATION_PURPOSE", message, "one for a purpose that does"
                )
            self._check_slots(form, at)
            found[form.purpose] = Collection(
                winners=form.winners,
                slots=tuple(sorted(set(form.slots or ()))),
                collect=form.collect or 0,
                defer_losers=form.losers == "defer",
            )
        return found

    def _check_slots(self, form: ArbitrationForm, place: Place) -> None:
        """A slot in quiet hours on every channel, every day, would never see a message."""
        purpose = self._document.purposes[form.purpose]
        if purpose.quiet in {None, "ignore"}:
            return
        for window in map(_window, self._document.quiet_hours):
            everywhere = window.channels is None and window.weekdays == EVERY_WEEKDAY
            if everywhere and (window.purposes is None or form.purpose in window.purposes):
                for index, slot in enumerate(form.slots or ()):
                    if _within(slot, window):
                        at = place.at("slots", index)
                        message = "the slot lies in the quiet hours of its purpose"
                        at.error("SLOT_IN_QUIET_HOURS", message, "choose a time outside them")

    def _holdouts(self) -> list[tuple[Holdout, list[str]]]:
        found: list[tuple[Holdout, list[str]]] = []
        for index, form in enumerate(self._document.holdouts):
            at = self._place.at("holdouts", index)
            if any(form.id == each.id for each, _ in found):
                message = f"two holdouts are called `{form.id}`"
                at.at("id").error("REPEATED_HOLDOUT", message, "who is out is remembered by it")
            for number, name in enumerate(form.purposes):
                where = at.at("purposes", number)
                if not self._check_purpose(name, where):
                    continue
                if self._document.purposes[name].consent == _NONE:
                    _report_transactional(where, name)
            found.append((Holdout(form.id, form.share, self._until(form.until)), form.purposes))
        return found

    def _until(self, date: str | None) -> int | None:
        """The end of that day."""
        day = dt.date.max if date is None else dt.date.fromisoformat(date)
        if day == dt.date.max:
            return None
        wall = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC) + dt.timedelta(days=1)
        return (wall.replace(tzinfo=self._zone) - _EPOCH) // _MS

    def _conflicts(self) -> dict[str, frozenset[str]]:
        themes = self._document.themes
        if themes is None:
            return {}
        found: dict[str, set[str]] = {}
        for index, group in enumerate(themes.conflicts):
            if len(set(group)) < len(group):
                at = self._place.at("themes", "conflicts", index)
                at.error("REPEATED_THEME", "a theme does not contradict itself", "drop one of them")
            for theme in group:
                found.setdefault(theme, set()).update(set(group) - {theme})
        return {theme: frozenset(others) for theme, others in sorted(found.items())}

    def _check_quiet(self) -> None:
        named: set[str] = set()
        for index, form in enumerate(self._document.quiet_hours):
            at = self._place.at("quiet_hours", index)
            self._check_channels(form.channels, at)
            for number, name in enumerate(form.purposes or ()):
                self._check_purpose(name, at.at("purposes", number))
            named.update(form.purposes or self._document.purposes)
        for name, purpose in sorted(self._document.purposes.items()):
            if name in named and purpose.quiet is None:
                message = f"quiet hours stand, and `{name}` does not say what it does in them"
                at = self._place.at("purposes", name)
                at.key_error("QUIET_UNSAID", message, "quiet: defer, skip or ignore")

    def _check_channels(self, names: list[str] | None, place: Place) -> None:
        for index, name in enumerate(names or ()):
            if name not in self._channels:
                at = place.at("channels", index)
                hint = suggestion(name, self._channels)
                at.error("UNKNOWN_CHANNEL", f"channels.yaml knows no `{name}`", hint)

    def _check_purpose(self, name: str, place: Place) -> bool:
        if name in self._document.purposes:
            return True
        hint = suggestion(name, self._document.purposes)
        place.error("UNKNOWN_PURPOSE", f"policies.yaml knows no purpose `{name}`", hint)
        return False


def _window(form: QuietHoursForm) -> QuietWindow:
    days = EVERY_WEEKDAY
    if form.days is not None:
        days = frozenset(WEEKDAYS.index(day) for day in form.days)
    return QuietWindow(form.start, form.end, days, _set(form.channels), _set(form.purposes))


def _within(time: int, window: QuietWindow) -> bool:
    if window.start < window.end:
        return window.start <= time < window.end
    return time >= window.start or time < window.end


def _set(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _report_transactional(place: Place, name: str) -> None:
    message = f"`{name}` is transactional: nothing keeps it back"
    place.error("TRANSACTIONAL", message, "leave it out; it needs no consent")

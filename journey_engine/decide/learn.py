"""What an event tells of its customer: traits, consent, reachability, features (S1, third arrow).

Late and backfilled events tell as much as others (rule T7). Rules read the profile as it was
before the event. A withdrawal of consent cancels at once what waits or is open (rule K1).
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple, replace

from journey_engine.decide import cancels, channels, features, history, profile, started
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.scope import Answer, Moment, View, ask
from journey_engine.decide.state import CONSENT_MAX, VALUE_BYTES_MAX, Written
from journey_engine.define.expression import EvaluationError, Value, Warming
from journey_engine.define.plan import ANY_CHANNEL
from journey_engine.define.profile_plan import ConsentRule, FeaturePlan, ProfileReaders, TraitRule

_fields: Final = astuple
LONG: Final = 64
"""Characters from which a value, and buckets from which a feature, count for the state's size."""
_LONG_ENTRIES: Final = 1024
"""Bytes from which the entries of a feature do."""
CUSTOMER: Final = "customer"
"""Under this name guard errors in `customer.yaml` are counted."""


def learn(draft: Draft, moment: Moment, event: Event, readers: ProfileReaders | None) -> None:
    """Write the profile and the features, and refresh the moment."""
    if not draft.started.startswith(draft.plan.windowed_mark):
        # Old history of another type says nothing of what was not counted then.
        at = draft.now if event.backfill else event.occurred_at
        draft.started = started.begun(draft.plan, draft.started, draft.features, at)
    if draft.plan.prefers and event.type in channels.COUNTED:
        channels.count(draft, event)
    if readers is not None:
        _read(draft, moment, event, readers)
    if readers is not None or draft.started is not moment.started:
        moment.refresh(draft)


def _read(draft: Draft, moment: Moment, event: Event, readers: ProfileReaders) -> None:
    if readers.traits:
        _write_traits(draft, moment, event, readers.traits)
    withdrawn: set[str] = set()
    if readers.consent or readers.reach:
        withdrawn = _permit(draft, View(moment), event, readers)
    if readers.sends:
        history.count_external(draft, event)
    if readers.features:
        _count_all(draft, moment, event, readers.features)
    if withdrawn:
        cancels.at_withdrawal(draft, event.origin, withdrawn)


def _permit(draft: Draft, view: View, event: Event, readers: ProfileReaders) -> set[str]:
    """Write consent and reachability; the purposes of which consent was withdrawn."""
    withdrawn = set()
    for rule in readers.consent:
        purpose = _write_consent(draft, event, rule, view)
        if purpose is not None:
            withdrawn.add(purpose)
    for reach in readers.reach:
        last = draft.reach.get(reach.channel)
        later = profile.newer(event.occurred_at, event.event_id, last)
        if later and ask(draft, CUSTOMER, reach.when, view) is Answer.TRUE:
            written = Written(reach.reachable, event.occurred_at, event.event_id)
            draft.reach = {**draft.reach, reach.channel: written}
    return withdrawn


def _write_traits(draft: Draft, moment: Moment, event: Event, rules: Sequence[TraitRule]) -> None:
    """A null says nothing: a partial update has nulls for what it does not know."""
    at, event_id = event.occurred_at, event.event_id
    traits = dict(draft.traits)
    for rule in rules:
        trait, value = rule.trait, event.fields.get(rule.field)
        last = traits.get(trait)
        if value is None or not profile.newer(at, event_id, last) or _too_long(draft, value):
            continue
        if last is None or last.value != value:
            moment.changed |= {trait}
        traits[trait] = Written(value, at, event_id)
    draft.traits = traits


def _write_consent(draft: Draft, event: Event, rule: ConsentRule, view: View) -> str | None:
    """Write a cell; the purpose, if that withdrew it."""
    if ask(draft, CUSTOMER, rule.when, view) is not Answer.TRUE:
        return None
    try:
        purpose = rule.purpose.evaluate(view)
        channel = None if rule.channel is None else rule.channel.evaluate(view)
        granted = rule.granted is not None and rule.granted.evaluate(view) is True
    except (EvaluationError, Warming) as error:
        draft.out.guard_errors.append((CUSTOMER, f"consent: {error}"))
        return None
    if not isinstance(purpose, str):
        return None
    name = profile.cell(purpose, channel if isinstance(channel, str) else ANY_CHANNEL)
    if not profile.newer(event.occurred_at, event.event_id, draft.consent.get(name)):
        return None
    if not _has_room(draft, name, purpose, channel):
        draft.drop("consent")
        return None
    written = Written(granted, event.occurred_at, event.event_id)
    draft.consent = {**draft.consent, name: written}
    return None if granted else purpose


def _has_room(draft: Draft, name: str, purpose: str, channel: Value) -> bool:
    """Cells that the plan knows always find room; others, for later plans, up to a bound, and none
    whose name is long.
    """
    plan = draft.plan
    if purpose in plan.consent_default and (channel is None or channel in plan.channels):
        return True
    return name in draft.consent or (len(draft.consent) < CONSENT_MAX and len(name) <= LONG)


def _count_all(draft: Draft, moment: Moment, event: Event, counted: Sequence[FeaturePlan]) -> None:
    kept = dict(draft.features)
    for plan in counted:
        where = plan.where
        if where is None or ask(draft, CUSTOMER, where, View(moment)) is Answer.TRUE:
            _count(draft, event, plan, kept)
    if event.backfill:
        _reach_back(draft, counted, kept, event.occurred_at)
    draft.features = kept


def _reach_back(
    draft: Draft, counted: Sequence[FeaturePlan], kept: dict[str, FeatureState], at: int
) -> None:
    """History of its type was read from then on, whether or not there was anything to count."""
    for plan in counted:
        state = started.of(plan.id, draft.started, kept)
        if state is not None and at < state.since:
            draft.started = started.without(draft.started, plan.id)
            kept[plan.id] = replace(state, since=at)


def _count(draft: Draft, event: Event, plan: FeaturePlan, kept: dict[str, FeatureState]) -> None:
    item: Value = None
    if plan.fields:
        item = _item(plan, event)
        if item is None or _too_long(draft, item):
            return
    at, state = event.occurred_at, kept.get(plan.id)
    if state is None:
        state = started.of(plan.id, draft.started, kept) or FeatureState(at)
        draft.started = started.without(draft.started, plan.id)
    kept[plan.id] = state = features.add(plan, state, at, item)
    _, entries, buckets = _fields(state)
    if len(entries) >= _LONG_ENTRIES or len(buckets) >= LONG:
        draft.heavy = True


def _item(plan: FeaturePlan, event: Event) -> Value:
    if plan.members:
        return [event.fields.get(name) for name in plan.fields]
    return event.fields.get(plan.fields[0])


def _too_long(draft: Draft, value: Value) -> bool:
    """Whether a value is too long to remember; a long one makes the state's size looked at."""
    size = length(value)
    if size > LONG:
        draft.heavy = True
    if size > VALUE_BYTES_MAX:
        draft.drop("values")
    return size > VALUE_BYTES_MAX


def length(value: Value) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return sum(map(length, value)) + len(value) if isinstance(value, list) else 8

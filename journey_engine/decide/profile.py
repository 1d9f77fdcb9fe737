"""What is known of a customer: traits, consent, reachability (rule K1).

Each has one last writer, by `occurred_at`, tie by event id, so that late events leave the same
profile in whatever order they come. `learn` writes it; here it is read.
"""

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

from journey_engine.decide.state import Written
from journey_engine.define.expression import Value
from journey_engine.define.plan import ANY_CHANNEL, TIMEZONE, Plan


def newer(at: int, event_id: str, than: Written | None) -> bool:
    """Whether a writer comes after the last one."""
    return than is None or (at, event_id) > (than.at, than.event_id)


def traits_at(plan: Plan, traits: Mapping[str, Written], at: int) -> dict[str, Value]:
    """Every declared trait; null where unknown or older than it is valid."""
    known: dict[str, Value] = {}
    for name, valid in plan.trait_valid.items():
        written = traits.get(name)
        fresh = written is not None and (valid is None or at - written.at <= valid)
        known[name] = written.value if written is not None and fresh else None
    return known


def zone_of(plan: Plan, traits: Mapping[str, Written], at: int) -> dt.tzinfo:
    """The customer's zone, the policies' where it is unknown or no zone's name (rule W5)."""
    written = traits.get(TIMEZONE)
    if written is None or not isinstance(written.value, str) or TIMEZONE not in plan.trait_valid:
        return plan.zone
    valid = plan.trait_valid[TIMEZONE]
    if valid is not None and at - written.at > valid:
        return plan.zone
    return plan.zones.by_name.get(written.value, plan.zone)


def cell(purpose: str, channel: str) -> str:
    """The name of a cell of consent."""
    return f"{purpose}/{channel}"


def purpose_of(cell_name: str) -> str:
    """The purpose of the cell of this name; the name of one that the plan knows holds no `/`."""
    return cell_name.partition("/")[0]


def may_use(plan: Plan, consent: Mapping[str, Written], purpose: str, channel: str) -> bool:
    """Whether the purpose may use the channel: the later word of the channel's cell and the cell
    for any channel, else the purpose's default. A purpose without default needs no consent.
    """
    default = plan.consent_default.get(purpose)
    if default is None:
        return True
    exact = consent.get(cell(purpose, channel))
    general = consent.get(cell(purpose, ANY_CHANNEL))
    if exact is None or (general is not None and newer(general.at, general.event_id, exact)):
        exact = general
    return default if exact is None else exact.value is True


def is_reachable(plan: Plan, reach: Mapping[str, Written], channel: str) -> bool:
    """Whether an address is known. Unknown: no, where some event tells of an address; else yes."""
    written = reach.get(channel)
    if written is None:
        return channel not in _announced(plan)
    return written.value is True


@lru_cache(maxsize=16)
def _announced(plan: Plan) -> frozenset[str]:
    """The channels whose address an event of this plan makes known."""
    return frozenset(
        rule.channel
        for readers in plan.profile.values()
        for rule in readers.reach
        if rule.reachable
    )

"""The company's files together: what every journey may name."""

from collections.abc import Mapping
from dataclasses import dataclass

from journey_engine.define.calendars import Calendars
from journey_engine.define.central import ChannelsDocument, CustomerDocument, PoliciesDocument
from journey_engine.define.junctions import Locked
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import ChannelPlan
from journey_engine.define.policy_plan import Capacity, Policy
from journey_engine.define.profile import Profile
from journey_engine.define.switches import Destinations


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """`takers` are the channels that take an action; `journeys` the names of all journeys,
    `of_accounts` of those whose subject is an account.
    """

    purposes: frozenset[str]
    channels: Mapping[str, ChannelPlan]
    takers: Mapping[str, frozenset[str]]
    macro_stages: tuple[str, ...]
    journeys: frozenset[str]
    of_accounts: frozenset[str]
    profile: Profile
    locked: Locked
    calendars: Calendars
    policy: Policy
    destinations: Destinations


def compile_channels(document: ChannelsDocument) -> dict[str, ChannelPlan]:
    """What `Plan.channels` holds."""
    return {
        name: ChannelPlan(
            name,
            form.topic,
            form.hold or 0,
            form.expires,
            Capacity(form.capacity.max, form.capacity.per) if form.capacity else None,
        )
        for name, form in sorted(document.channels.items())
    }


def takers(document: ChannelsDocument) -> dict[str, frozenset[str]]:
    """The channels that take each action."""
    actions = sorted({action for form in document.channels.values() for action in form.actions})
    return {
        action: frozenset(n for n, form in document.channels.items() if action in form.actions)
        for action in actions
    }


def consent_defaults(
    policies: PoliciesDocument, customer: CustomerDocument, place: Place
) -> dict[str, bool]:
    """What an unknown cell means: as customer.yaml says, else denied for `opt_in` only (K1).

    A purpose with `consent: none` is left out: it asks for none, and nobody can withdraw it.
    """
    written = customer.consent.default
    for name, word in written.items():
        if name not in policies.purposes:
            at = place.at("consent", "default", name)
            hint = suggestion(name, policies.purposes)
            at.key_error("UNKNOWN_PURPOSE", f"policies.yaml knows no purpose `{name}`", hint)
        elif policies.purposes[name].consent == "none" and word == "denied":
            at = place.at("consent", "default", name)
            message = f"`{name}` is transactional: it asks for no consent, so none can be missing"
            at.key_error("TRANSACTIONAL", message, "leave it out")
    return {
        name: written[name] == "granted" if name in written else form.consent == "opt_out"
        for name, form in sorted(policies.purposes.items())
        if form.consent != "none"
    }

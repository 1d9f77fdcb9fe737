"""The company's files together: what every journey may name."""

from collections.abc import Mapping
from dataclasses import dataclass

from journey_engine.define.central import ChannelsDocument, CustomerDocument, PoliciesDocument
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import ChannelPlan
from journey_engine.define.profile import Profile


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """`senders` are the channels that take `send`; `journeys` the names of all journeys."""

    purposes: frozenset[str]
    channels: Mapping[str, ChannelPlan]
    senders: frozenset[str]
    macro_stages: tuple[str, ...]
    journeys: frozenset[str]
    profile: Profile


def compile_channels(document: ChannelsDocument) -> dict[str, ChannelPlan]:
    """What `Plan.channels` holds."""
    return {
        name: ChannelPlan(name, form.topic, form.hold or 0, form.expires)
        for name, form in sorted(document.channels.items())
    }


def consent_defaults(
    policies: PoliciesDocument, customer: CustomerDocument, place: Place
) -> dict[str, bool]:
    """What an unknown cell means: as customer.yaml says, else denied for `opt_in` only (K1).

    A purpose with `consent: none` is left out: it asks for none, and nobody can withdraw it.
    """
    written = customer.consent.default
    for name in written:
        if name not in policies.purposes:
            at = place.at("consent", "default", name)
            hint = suggestion(name, policies.purposes)
            at.key_error("UNKNOWN_PURPOSE", f"policies.yaml knows no purpose `{name}`", hint)
    return {
        name: written[name] == "granted" if name in written else form.consent == "opt_out"
        for name, form in sorted(policies.purposes.items())
        if form.consent != "none"
    }

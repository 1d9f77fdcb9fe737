"""customer.yaml: what of a customer each event type writes (rules K1, K2)."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from journey_engine.define.central import (
    AccountForm,
    ConsentRevokeForm,
    ConsentSetForm,
    CustomerDocument,
    ReachClauseForm,
    TraitForm,
)
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import NOTHING, Expressions
from journey_engine.define.features import Feature, compile_features
from journey_engine.define.place import Place, suggestion
from journey_engine.define.profile_plan import (
    ConsentRule,
    FeaturePlan,
    MembershipRule,
    ProfileReaders,
    ReachRule,
    TraitRule,
)

EXTERNAL_SEND: Final = "ExternalSend"
"""The event type by which others tell of their messages."""


@dataclass(slots=True)
class Readers:
    """What is being gathered of `ProfileReaders`, for one event type."""

    traits: list[TraitRule] = field(default_factory=list)
    consent: list[ConsentRule] = field(default_factory=list)
    reach: list[ReachRule] = field(default_factory=list)
    features: dict[str, FeaturePlan] = field(default_factory=dict)
    sends: bool = False


class Profile:
    """What is known of a customer: `traits` by kind, `features` by name, readers by type.

    `broken` are the dotted names whose definition is wrong.

    Mappings of customer.yaml are read in the order of their names, so that the order in which an
    author wrote their keys means nothing.
    """

    def __init__(
        self,
        document: CustomerDocument,
        place: Place,
        expressions: Expressions,
        channels: frozenset[str],
    ) -> None:
        self._expressions = expressions
        self._readers: defaultdict[str, Readers] = defaultdict(Readers)
        self.traits: dict[str, str] = {}
        self.trait_valid = {name: form.valid for name, form in document.traits.items()}
        for name, form in sorted(document.traits.items()):
            self._trait(name, form, place.at("traits", name, "from"))
        self._consent(document, place.at("consent"))
        for name, reach in sorted(document.reachable.items()):
            at = place.at("reachable", name)
            if name not in channels:
                hint = suggestion(name, channels)
                at.key_error("UNKNOWN_CHANNEL", f"channels.yaml knows no `{name}`", hint)
                continue
            self._reach(name, reach.sets, at.at("set"), reachable=True)
            self._reach(name, reach.clear, at.at("clear"), reachable=False)
        self.features = compile_features(document.features, place.at("features"), expressions)
        self.broken = frozenset(
            {f"features.{name}" for name in document.features if name not in self.features}
            | {f"customer.{name}" for name in document.traits if name not in self.traits}
        )
        self.memberships: dict[str, MembershipRule] = {}
        self.has_accounts = document.account is not None
        self.has_roles = document.account is not None and bool(document.account.role)
        if document.account is not None:
            self._account(document.account, place.at("account"))
        self._of_accounts: defaultdict[str, Readers] = defaultdict(Readers)
        self.add_features(self.features)

    def add_features(self, features: Mapping[str, Feature], *, of_account: bool = False) -> None:
        """Have the features folded, over a customer's events or over an account's; equal
        definitions are folded once (K2).
        """
        readers = self._of_accounts if of_account else self._readers
        for feature in features.values():
            plan = feature.plan
            known = readers[plan.event_type].features
            # One that warms up starts with the first input, whatever others make of the same.
            if plan.id not in known or plan.warm_up is not None:
                known[plan.id] = plan

    def read_sends(self) -> None:
        """Have messages counted that others sent, where their type is published (rule C3)."""
        published = self._expressions.schemas.events.get(EXTERNAL_SEND)
        if published is not None:
            for name in ("purpose", "theme"):
                if name in published.fields:
                    self._expressions.read_field(EXTERNAL_SEND, name)
            self._readers[EXTERNAL_SEND].sends = True

    def by_type(self, *, of_accounts: bool = False) -> dict[str, ProfileReaders]:
        """What `Plan.profile` holds."""
        gathered = self._of_accounts if of_accounts else self._readers
        return {
            event_type: ProfileReaders(
                tuple(readers.traits),
                tuple(readers.consent),
                tuple(readers.reach),
                tuple(plan for _, plan in sorted(readers.features.items())),
                readers.sends,
            )
            for event_type, readers in sorted(gathered.items())
        }

    def _account(self, form: AccountForm, place: Place) -> None:
        """Of each event type one field is the account, and one may be the role (rule M3)."""
        told = {"from": self._texts(form.sources, place.at("from"))}
        told["role"] = self._texts(form.role, place.at("role"))
        for index, source in enumerate(form.role):
            if source.partition(".")[0] not in told["from"]:
                message = f"`{source}` is of an event that tells no account"
                place.at("role", index).error(
                    "ACCOUNT_FIELD", message, "name its account in `from`"
                )
        for event_type, name in told["from"].items():
            self.memberships[event_type] = MembershipRule(name, told["role"].get(event_type))

    def _texts(self, sources: Sequence[str], place: Place) -> dict[str, str]:
        """The fields by their event types; those that are no text are reported."""
        found: dict[str, str] = {}
        for index, source in enumerate(sources):
            event_type, _, name = source.partition(".")
            field_ = self._expressions.field_of(place.at(index), event_type, name)
            if field_ is not None and field_.kind != "string":
                message = f"`{source}` is a {field_.kind}; an account and a role are texts"
                place.at(index).error("ACCOUNT_FIELD", message, "name a field of type string")
            elif field_ is not None and event_type in found:
                message = f"`{event_type}` has a field for that already"
                place.at(index).error("ACCOUNT_FIELD", message, "name one field of an event type")
            elif field_ is not None:
                found[event_type] = name
        return found

    def _trait(self, name: str, form: TraitForm, place: Place) -> None:
        for index, source in enumerate(form.sources):
            at = place.at(index)
            event_type, _, field_name = source.partition(".")
            found = self._expressions.field_of(at, event_type, field_name)
            if found is None:
                continue
            kind = self.traits.setdefault(name, found.kind)
            if found.kind.startswith("map"):
                at.error(
                    "TRAIT_KIND",
                    f"`{source}` is a {found.kind}; a trait is one value",
                    "name another field",
                )
            elif found.kind != kind:
                message = f"`{source}` is a {found.kind}, the trait was a {kind} before"
                at.error("TRAIT_KIND", message, "all sources of a trait have one type")
            else:
                self._readers[event_type].traits.append(TraitRule(name, field_name))

    def _consent(self, document: CustomerDocument, place: Place) -> None:
        written: tuple[tuple[str, Sequence[ConsentSetForm | ConsentRevokeForm]], ...] = (
            ("set", document.consent.sets),
            ("revoke", document.consent.revoke),
        )
        for key, forms in written:
            for index, form in enumerate(forms):
                at = place.at(key, index)
                types = known_types(self._expressions, form.on, at)
                rule = self._consent_rule(form, at, types)
                if rule is not None:
                    for event_type in types:
                        self._readers[event_type].consent.append(rule)

    def _consent_rule(
        self, form: ConsentSetForm | ConsentRevokeForm, at: Place, types: list[str]
    ) -> ConsentRule | None:
        def compiled(key: str, want: str) -> Expression | None:
            text = getattr(form, key, None)
            if text is None:
                return None
            return self._expressions.compile(at.at(key), text, NOTHING, types, want)

        purpose = compiled("purpose", "string") if types else None
        if purpose is None:
            return None
        return ConsentRule(
            purpose,
            compiled("channel", "string"),
            compiled("granted", "bool"),
            compiled("when", "bool"),
        )

    def _reach(
        self, channel: str, forms: list[ReachClauseForm], place: Place, *, reachable: bool
    ) -> None:
        for index, form in enumerate(forms):
            at = place.at(index)
            types = known_types(self._expressions, form.on, at)
            when = None
            if form.when is not None and types:
                when = self._expressions.compile(at.at("when"), form.when, NOTHING, types, "bool")
            for event_type in types:
                self._readers[event_type].reach.append(ReachRule(channel, reachable, when))


def known_types(
    expressions: Expressions,
    types: list[str],
    place: Place,
    key: str = "on",
    beside: Container[str] = (),
) -> list[str]:
    """Those of the types at `key` that are published, noted as read; others are reported, but for
    those of `beside`, which mean something else.
    """
    at = place.at(key)
    known = []
    for index, name in enumerate(types):
        if name in beside:
            known.append(name)
        elif expressions.has_type(at.at(index), name):
            expressions.read_type(name)
            known.append(name)
    return known

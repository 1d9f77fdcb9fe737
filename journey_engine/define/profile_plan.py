"""What is learnt of a customer, as it runs: features, traits, consent, reachability (rules K1, K2).

Durations are milliseconds.
"""

from dataclasses import dataclass
from enum import StrEnum

from journey_engine.define.expression import Expression


class FeatureOp(StrEnum):
    """How a feature folds its events (rule K2)."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    RECENT = "recent"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePlan:
    """A feature; `id` is a hash of its definition, so equal definitions share one store (K2).

    `fields` are the event fields kept: none for `count`, one for `Type.field`, several for
    `last: Type, fields: [...]` (then the feature has members, and `at`).
    """

    id: str
    op: FeatureOp
    event_type: str
    fields: tuple[str, ...] = ()
    members: bool = False
    where: Expression | None = None
    within: int | None = None
    keep: int | None = None
    warm_up: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TraitRule:
    """One event type that writes a trait (rule K1)."""

    trait: str
    field: str


@dataclass(frozen=True, slots=True)
class MembershipRule:
    """The fields of one event type that tell the account, and the customer's role (rule M3)."""

    account: str
    role: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ConsentRule:
    """An event that sets or withdraws consent; `channel` None means any channel (rule K1)."""

    purpose: Expression
    channel: Expression | None
    granted: Expression | None
    """None in a `revoke` rule: always withdrawn."""
    when: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReachRule:
    """An event that makes a channel reachable or not (rule K1)."""

    channel: str
    reachable: bool
    when: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ProfileReaders:
    """What of the customer's profile one event type writes, in the order of `customer.yaml`."""

    traits: tuple[TraitRule, ...] = ()
    consent: tuple[ConsentRule, ...] = ()
    reach: tuple[ReachRule, ...] = ()
    features: tuple[FeaturePlan, ...] = ()
    sends: bool = False
    """It tells of a message that somebody else sent (rule C3)."""

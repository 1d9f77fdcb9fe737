"""What the expressions of these tests may read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from journey_engine.define.expression import Value
from journey_engine.define.guards import Declared, Environment, FeatureType
from tests.define.catalogue import Catalogue, EventType, Field

SCHEMAS = Catalogue(
    {
        "CartUpdated": EventType(
            {
                "total": Field("double"),
                "items": Field("int"),
                "country": Field("string"),
                "gift": Field("bool"),
                "coupon": Field("string", nullable=True),
                "paid": Field("bool", nullable=True),
                "seen_at": Field("timestamp", nullable=True),
                "occurred_at": Field("timestamp"),
                "tags": Field("list<string>"),
                "attributes": Field("map<string>"),
            }
        ),
        "OrderPlaced": EventType(
            {
                "total": Field("double", nullable=True),
                "items": Field("double"),
                "country": Field("string"),
            }
        ),
        "MessageClicked": EventType({"command_id": Field("string"), "country": Field("string")}),
    }
)
DECLARED = Declared(
    traits={"tier": "string", "age": "int"},
    context={"total": "double", "wait": "duration"},
    features={
        "views_1h": FeatureType("int", nullable=False),
        "highest": FeatureType("double", nullable=True),
        "failed": FeatureType(
            "message", nullable=True, members={"error": "string", "at": "timestamp"}
        ),
        "solved": FeatureType("message", nullable=True, members={"at": "timestamp"}),
        "intents": FeatureType("list<string>", nullable=False),
        "visits": FeatureType("double", nullable=True),
    },
    journeys=frozenset({"cart-rescue"}),
    stages=frozenset({"nudged", "waiting"}),
    milestones=frozenset({"paid", "signed"}),
    purposes=frozenset({"marketing", "service"}),
    channels=frozenset({"email", "push"}),
)
CART = Environment(SCHEMAS, DECLARED, ("CartUpdated",))
HOUR = 3_600_000


@dataclass
class Snapshot:
    event: Mapping[str, Value] = field(
        default_factory=lambda: {
            "total": 60.0,
            "items": 3,
            "country": "BR",
            "gift": True,
            "coupon": None,
            "occurred_at": 10 * HOUR,
            "tags": ["a", "b"],
        }
    )
    customer: Mapping[str, Value] = field(default_factory=lambda: {"tier": "gold", "age": None})
    instance: Mapping[str, Value] = field(
        default_factory=lambda: {"total": 55.0, "wait": 2 * HOUR, "entered_at": 9 * HOUR}
    )
    features: Mapping[str, Any] = field(
        default_factory=lambda: {
            "views_1h": 4,
            "views_1h.complete": True,
            "highest": None,
            "failed": {"error": "timeout", "at": 8 * HOUR},
            "failed.complete": False,
            "solved": None,
            "intents": ["loan"],
            "visits": -2.5,
        }
    )
    milestones: Mapping[str, Value] = field(
        default_factory=lambda: {"paid": True, "signed": False, "missing": ["signed"]}
    )
    stage_entered_at: int = 9 * HOUR
    now: int = 11 * HOUR

    def consent(self, purpose: str, channel: str) -> bool:
        return (purpose, channel) == ("marketing", "email")

    def reachable(self, channel: str) -> bool:
        return channel == "push"

    def changed(self, trait: str) -> bool:
        return trait == "tier"

    def in_journey(self, name: str) -> bool:
        return name == "cart-rescue"

    def visits(self, stage: str) -> int:
        return {"nudged": 2}.get(stage, 0)

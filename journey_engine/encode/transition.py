"""A transition to the record that analytics and console read."""

from typing import Any

from msgspec.structs import asdict

from journey_engine.decide.decision import Transition
from journey_engine.encode.outgoing import OutKind, OutRecord, framed, record_key
from journey_engine.schemas import Schemas


def encode_transition(transition: Transition, schemas: Schemas) -> OutRecord:
    """The stages are `from` and `to` in the record: words that Python keeps for itself."""
    fields: dict[str, Any] = asdict(transition)
    fields["from"] = fields.pop("from_stage")
    fields["to"] = fields.pop("to_stage")
    fields["causation"] = asdict(transition.causation)
    return OutRecord(
        OutKind.TRANSITION,
        "",
        record_key(transition.customer_id, transition.anonymous_id),
        framed("Transition", fields, schemas),
    )

"""A transition to the record that analytics and console read."""

from journey_engine.decide.decision import Transition
from journey_engine.encode.outgoing import OutKind, OutRecord, framed, made, record_key
from journey_engine.schemas import Schemas


def encode_transition(transition: Transition, schemas: Schemas) -> OutRecord:
    """The transition as it is."""
    return made(
        OutRecord,
        (
            OutKind.TRANSITION,
            "",
            record_key(transition.customer_id, transition.anonymous_id, transition.account_id),
            framed("Transition", transition, schemas),
            (),
        ),
    )

"""A candidate's outcome to the record that says why."""

from journey_engine.decide.decision import SendDecision
from journey_engine.encode.outgoing import OutKind, OutRecord, framed, made, record_key
from journey_engine.schemas import Schemas


def encode_send_decision(decision: SendDecision, schemas: Schemas) -> OutRecord:
    """The decision as it is."""
    return made(
        OutRecord,
        (
            OutKind.DECISION,
            "",
            record_key(decision.customer_id, decision.anonymous_id, decision.account_id),
            framed("SendDecision", decision, schemas),
            (),
        ),
    )

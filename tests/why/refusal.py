"""A send that was refused, as the decision topic has it."""

from journey_engine.decide.decision import SendDecision
from journey_engine.errors import CandidateOutcome

REFUSED = SendDecision(
    decision_id="d",
    customer_id="anna",
    anonymous_id=None,
    journey="cart-rescue",
    version=1,
    key=None,
    entry_no=1,
    send_id="reminder",
    attempt=0,
    command_id="c",
    outcome=CandidateOutcome.NO_CONSENT,
    cause=None,
    until=None,
    channels_tried=("email",),
    decided_at=1_772_445_600_001,
    definition_hash="0123456789abcdef",
    trace=("email no consent",),
)

"""A customer is erased (rule M4): the state goes, what is out is taken back, a proof stays.

The proof is all that is kept under the customer's key: a keyed hash of the id, when, and the life
that ended. What happened before then is `ERASED`; what happens later starts the next life, whose
command ids are others. The visitors that the customer turned out to be are erased, too.
"""

from hashlib import blake2b
from typing import Final

from journey_engine.decide import accounts, cancels, ids, stages
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Origin
from journey_engine.decide.identity_state import Erased, Identity
from journey_engine.decide.message import VISITOR, AliasErased
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import CustomerState
from journey_engine.define.identity import ERASED
from journey_engine.define.plan import Plan
from journey_engine.errors import EndReason

_PROOF_BYTES: Final = 16
_KEY_BYTES_MAX: Final = 64


def end_all(draft: Draft, moment: Moment, cause: Origin) -> None:
    """End everything that lives, take back everything that waits or is out."""
    cancels.at_erasure(draft, cause)
    for position, instance in enumerate(draft.instances):
        journey = draft.plan.run_by(instance.journey, instance.version)
        if journey is not None:
            live = draft.touch(position)
            stages.end(draft, journey, moment, live, EndReason.ERASED, moment.name or ERASED)


def erase(draft: Draft, moment: Moment, cause: Origin) -> None:
    """End, take back and forget everything; tell the customer's visitors."""
    end_all(draft, moment, cause)
    accounts.leave(draft, cause)
    if draft.identity is not None and draft.customer_id is not None:
        asked = [one.anonymous_id for one in draft.identity.asked]
        for visitor in [*draft.identity.aliases, *asked]:
            draft.tell(
                AliasErased(
                    VISITOR + visitor,
                    ids.named_id(f"{draft.customer_id}/{visitor}/{draft.state.life}/erased"),
                    draft.now,
                    cause,
                    draft.customer_id,
                    moment.at,
                )
            )
    draft.out.state = CustomerState(
        life=draft.state.life + 1,
        identity=Identity(erased=Erased(proof(draft.plan, draft), moment.at, draft.state.life)),
    )


def proof(plan: Plan, draft: Draft) -> bytes:
    """The keyed hash of the id of who is erased."""
    identity = draft.who
    name = identity.encode("utf-8", "surrogatepass")
    return blake2b(name, digest_size=_PROOF_BYTES, key=plan.proof_key[:_KEY_BYTES_MAX]).digest()

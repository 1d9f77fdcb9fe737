"""What the broker can do: the requests that the clients make, and transactions."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, TransactionalIdAuthorizationFailed

from journey_engine.run.doctor.asking import versions
from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.guarantee import GuaranteeError, guarantee_of
from journey_engine.run.settings import Guarantee

NEEDED: Mapping[int, tuple[str, int]] = {
    0: ("Produce", 3),
    1: ("Fetch", 4),
    2: ("ListOffsets", 2),
    3: ("Metadata", 4),
    8: ("OffsetCommit", 2),
    9: ("OffsetFetch", 1),
    10: ("FindCoordinator", 0),
    11: ("JoinGroup", 2),
    12: ("Heartbeat", 1),
    14: ("SyncGroup", 1),
    19: ("CreateTopics", 0),
    32: ("DescribeConfigs", 0),
}
"""By request the version without which a worker cannot do: headers in records, `read_committed`,
topics never made by asking.
"""
FOR_TRANSACTIONS: Mapping[int, tuple[str, int]] = {
    22: ("InitProducerId", 0),
    24: ("AddPartitionsToTxn", 0),
    25: ("AddOffsetsToTxn", 0),
    26: ("EndTxn", 0),
    28: ("TxnOffsetCommit", 0),
}
JOIN_GROUP, STATIC = 11, 5
"""The first version in which a member may say who it is (KIP-345)."""


async def examine(patient: Patient, admin: AIOKafkaAdminClient) -> list[Finding]:
    """The versions it speaks, and a transactional id asked for as a worker's start asks for one."""
    spoken = await versions(admin)
    notes = Notes("broker")
    lacking = missing(NEEDED, spoken)
    if lacking:
        notes.error(f"the broker lacks {', '.join(lacking)}", "run Apache Kafka 2.1 or later")
    static = spoken.get(JOIN_GROUP, (0, 0))[1] >= STATIC
    if patient.settings.group_instance_id is not None and not static:
        notes.error(
            "the broker knows no members with names of their own, and group_instance_id is set",
            "unset JOURNEY_GROUP_INSTANCE_ID, or run Apache Kafka 2.3 or later",
        )
    found = notes.unless_worse(f"answers, and speaks what is needed ({len(spoken)} requests)")
    return found + await _transactions(patient, missing(FOR_TRANSACTIONS, spoken))


def missing(
    needed: Mapping[int, tuple[str, int]], spoken: Mapping[int, tuple[int, int]]
) -> list[str]:
    """What is needed and not spoken, as people name it."""
    return [
        f"{name} v{lowest}"
        for key, (name, lowest) in needed.items()
        if spoken.get(key, (0, -1))[1] < lowest
    ]


async def _transactions(patient: Patient, lacking: list[str]) -> list[Finding]:
    notes, settings = Notes("transactions"), patient.settings
    if settings.guarantee is Guarantee.AT_LEAST_ONCE:
        return notes.unless_worse("not asked for: the guarantee is at_least_once")
    try:
        guarantee = await guarantee_of(settings)
    except TransactionalIdAuthorizationFailed:
        notes.error(
            f"no transactional id {settings.group}-… is ours to use",
            f"allow WRITE and DESCRIBE on transactional ids that begin with {settings.group}-",
        )
    except (GuaranteeError, KafkaError) as error:
        notes.error(f"no transactional id: {error}", "see that its coordinator is up")
    else:
        if guarantee is Guarantee.AT_LEAST_ONCE:
            why = f" (it lacks {', '.join(lacking)})" if lacking else ""
            notes.warn(
                f"the broker has no transactions{why}: a command may be sent twice, with one id",
                "run Apache Kafka; to be sure of it, set JOURNEY_GUARANTEE=exactly_once",
            )
    return notes.unless_worse("a transactional id is given: exactly once")

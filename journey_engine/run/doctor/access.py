"""What this client may do, against what a worker does: run it with a worker's settings."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError

from journey_engine.run.doctor.asking import FORBIDDEN, Described, Operation, describe_group
from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.naming import Names

GROUP_FORBIDDEN = 30
_LOOK = frozenset((Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS))
_READ, _WRITE = frozenset((Operation.READ,)), frozenset((Operation.WRITE,))


def needed(names: Names) -> Mapping[str, frozenset[Operation]]:
    """By topic what a worker does with it."""
    kept = {names.changelog, names.ledger, names.inbox}
    inputs = dict.fromkeys(names.inputs, _LOOK | _READ)
    outputs = dict.fromkeys(names.all - kept - set(names.inputs), _LOOK | _WRITE)
    return {**inputs, **outputs, **dict.fromkeys(kept, _LOOK | _READ | _WRITE)}


async def examine(
    patient: Patient, admin: AIOKafkaAdminClient, described: Mapping[str, Described]
) -> list[Finding]:
    """Topics and the group; transactional ids are told where transactions are."""
    notes = Notes("access")
    told = 0
    for topic, wanted in sorted(needed(patient.names).items()):
        found = described[topic]
        if found.error not in (0, FORBIDDEN):
            continue
        may = frozenset[Operation]() if found.error else found.may
        told += may is not None
        if may is not None and (lacking := sorted(wanted - may)):
            rights = ", ".join(each.name for each in lacking)
            notes.error(f"{topic}: no right to {rights}", f"allow {rights} on topic {topic}")
    await _group(notes, patient, admin)
    if told == 0 and not notes.found:
        return notes.unless_worse("the broker does not say what is allowed")
    return notes.unless_worse(f"all rights that a worker needs, on {told} topics and its group")


async def _group(notes: Notes, patient: Patient, admin: AIOKafkaAdminClient) -> None:
    group = patient.settings.group
    fix = f"allow READ and DESCRIBE on group {group}"
    try:
        found = await describe_group(admin, group)
    except GroupAuthorizationFailedError:
        notes.error(f"group {group}: no right to see it", fix)
        return
    except NotImplementedError:
        return
    if found.error == GROUP_FORBIDDEN:
        notes.error(f"group {group}: no right to see it", fix)
    elif found.may is not None and Operation.READ not in found.may:
        notes.error(f"group {group}: no right to READ, which joining it takes", fix)

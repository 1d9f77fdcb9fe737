"""The workers as the broker knows them: members, lag, and the definitions they last decided by."""

from collections import defaultdict

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError

from journey_engine.encode.ledger import decode_ledger
from journey_engine.run.doctor.asking import describe_group
from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.doctor.traffic import newest
from journey_engine.run.lag import read_lag
from journey_engine.run.settings import Source

MARKS = 10
"""Transaction marks that may lie behind a ledger's last record."""
BEHIND = 10_000
"""Waiting records of one partition from which on it is said."""


async def examine(patient: Patient, admin: AIOKafkaAdminClient) -> list[Finding]:
    """Group, lag and definitions."""
    try:
        found = await describe_group(admin, patient.settings.group)
    except (NotImplementedError, GroupAuthorizationFailedError):
        members = None
    else:
        members = None if found.error else found.members
    return [*await _lag(patient, members), *await _versions(patient)]


async def _lag(patient: Patient, members: int | None) -> list[Finding]:
    notes, group = Notes("workers"), patient.settings.group
    if members == 0:
        notes.warn(f"no worker runs: the group {group} has no members", "journey-engine worker")
    try:
        lags = await read_lag(patient.settings, patient.names)
    except GroupAuthorizationFailedError:
        return notes.found  # it is told where access is
    behind = [f"{each.topic}/{each.partition} {each.records:,}" for each in lags]
    far = [told for told, each in zip(behind, lags, strict=True) if each.records >= BEHIND]
    if far:
        notes.warn(
            f"records wait for the workers: {', '.join(far)}",
            "start more workers; where one partition alone is behind, look at its log",
        )
    waiting = sum(each.records for each in lags)
    who = "" if members is None else f"{members} in the group, "
    return notes.unless_worse(f"{who}{waiting:,} records wait")


async def _versions(patient: Patient) -> list[Finding]:
    """Each partition's last flush names the plan by which it was decided."""
    notes = Notes("versions")
    latest: dict[int, str] = {}
    async for record in newest(patient, (patient.names.ledger,), MARKS):
        latest[record.partition] = decode_ledger(record.value or b"").plan_hash
    running: defaultdict[str, list[int]] = defaultdict(list)
    for partition, plan in sorted(latest.items()):
        running[plan].append(partition)
    here = None if patient.definitions is None else patient.definitions.plan.hash
    if len(running) > 1:
        told = "; ".join(f"{plan[:12]} on {where}" for plan, where in running.items())
        notes.warn(
            f"partitions last decided by different definitions: {told}",
            "let the rollout come to its end; what is idle changes at its next record",
        )
    if here is not None and running and here not in running:
        topic = patient.settings.definitions is Source.TOPIC
        what = "in force" if topic else "in this folder"
        fix = "see `definitions_not_found` in the workers' log" if topic else "restart the workers"
        notes.warn(f"no partition has decided by the definitions {what} ({here[:12]}) yet", fix)
    if not running:
        return notes.unless_worse("no partition has decided anything yet")
    return notes.unless_worse(f"all partitions that decided did so by {next(iter(running))[:12]}")

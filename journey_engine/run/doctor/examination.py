"""All checks, in the order in which one's fault explains the next one's."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from journey_engine.run.doctor import access, broker, layout, machine, traffic, workers
from journey_engine.run.doctor.asking import Described, Operation, describe, describe_plainly
from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.topics import BrokerAbsentError, connected


async def examine(patient: Patient) -> list[Finding]:
    """Everything that was found; nothing is written but a transactional id of its own."""
    found = machine.examine(patient)
    try:
        async with connected(patient.settings) as admin:
            found += await broker.examine(patient, admin)
            found += await _topics(patient, admin)
    except KafkaError as error:
        notes = Notes("broker")
        notes.error(f"does not answer as it should: {error}", "see the brokers' logs, ask again")
        found += notes.found
    except BrokerAbsentError as error:
        notes = Notes("broker")
        reason, _, fix = str(error).partition(". ")
        notes.error(reason, fix)
        found += notes.found
    return found


async def _topics(patient: Patient, admin: AIOKafkaAdminClient) -> list[Finding]:
    described = await _described(patient, admin)
    found = await layout.examine(patient, admin, described)
    found += await access.examine(patient, admin, described)
    readable = all(
        described[topic].error == 0 and _may_read(described[topic])
        for topic in (*patient.names.read, patient.names.ledger)
    )
    if not readable:
        return found  # a client would wait for it for ever
    try:
        found += await traffic.examine(patient)
        found += await workers.examine(patient, admin)
    except KafkaError as error:
        notes = Notes("traffic")
        notes.error(f"the topics cannot be read: {error}", "see what `access` says")
        found += notes.found
    return found


def _may_read(topic: Described) -> bool:
    return topic.may is None or Operation.READ in topic.may


async def _described(patient: Patient, admin: AIOKafkaAdminClient) -> Mapping[str, Described]:
    """A broker that cannot say what is allowed is asked for the rest."""
    try:
        return await describe(admin, sorted(patient.declared))
    except NotImplementedError:
        present = set(await admin.list_topics())  # asking by name would make it on some brokers
        return await describe_plainly(admin, sorted(patient.declared), present)

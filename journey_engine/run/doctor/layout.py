"""Topics as they are against topics.yaml: there, co-partitioned, replicated, configured."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from journey_engine.define.topics import TopicSpec
from journey_engine.run.doctor.asking import FORBIDDEN, UNKNOWN_TOPIC, Described, Operation
from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.topics import NEEDED, config_of, suffices

GRAVE = (*NEEDED, "message.timestamp.type")
"""What loses states, stops a worker or bends its clock."""


async def examine(
    patient: Patient, admin: AIOKafkaAdminClient, described: Mapping[str, Described]
) -> list[Finding]:
    """Every declared topic."""
    notes, declared = Notes("topics"), patient.declared
    gone = sorted(name for name, found in described.items() if found.error == UNKNOWN_TOPIC)
    if gone:
        what = f"{len(gone)} of {len(declared)} topics are missing: {', '.join(gone)}"
        notes.error(what, "journey-engine topics create")
    for name, spec in sorted(declared.items()):
        _look(notes, name, spec, described[name])
    there = {name: spec for name, spec in declared.items() if described[name].error == 0}
    await _compare(notes, admin, there, described)
    _batches(notes, patient)
    return notes.unless_worse(
        f"{len(declared)} are as declared, with {patient.topics.partitions} partitions each"
    )


def _look(notes: Notes, name: str, spec: TopicSpec, topic: Described) -> None:
    if topic.error:
        if topic.error not in (UNKNOWN_TOPIC, FORBIDDEN):  # told above, and where access is
            notes.error(f"{name}: the broker answers with code {topic.error}", "ask again")
        return
    count = len(topic.partitions)
    if count != spec.partitions:
        notes.error(
            f"{name} has {count} partitions, not {spec.partitions}: a customer's records would lie "
            "apart",
            "set `partitions` in topics.yaml as it was; to change the number of an app that has "
            "states: journey-engine repartition",
        )
    _look_at_replicas(notes, name, spec, topic)


def _look_at_replicas(notes: Notes, name: str, spec: TopicSpec, topic: Described) -> None:
    headless = [each.partition for each in topic.partitions if each.leader < 0]
    if headless:
        notes.error(f"{name}: no leader for partitions {headless}", "start the brokers they lie on")
    few = [each.partition for each in topic.partitions if each.in_sync < spec.min_in_sync]
    if few and not headless:
        notes.error(
            f"{name}: too few replicas in sync for a write, partitions {few}",
            "start the brokers that are down, or see why they lag",
        )
    behind = [each.partition for each in topic.partitions if each.in_sync < each.replicas]
    if behind and not few:
        notes.warn(f"{name}: replicas behind, partitions {behind}", "see why these brokers lag")
    least = min((each.replicas for each in topic.partitions), default=spec.replication)
    if least < spec.replication:
        notes.warn(
            f"{name} is replicated {least} times, not {spec.replication}: a lost broker loses it",
            "kafka-reassign-partitions.sh, with a plan of more replicas",
        )


async def _compare(
    notes: Notes,
    admin: AIOKafkaAdminClient,
    wanted: Mapping[str, TopicSpec],
    described: Mapping[str, Described],
) -> None:
    seen = {
        name: spec
        for name, spec in wanted.items()
        if (may := described[name].may) is None or Operation.DESCRIBE_CONFIGS in may
    }
    if not seen:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in seen]
    try:
        answers = await admin.describe_configs(resources)
    except KafkaError as error:
        notes.warn(f"settings cannot be read: {error}", "allow DESCRIBE_CONFIGS on the topics")
        return
    for answer in answers:
        for code, _, _, name, entries in answer.resources:
            if code == 0:
                _compare_one(notes, name, seen[name], {entry[0]: entry[1] for entry in entries})


def _compare_one(notes: Notes, topic: str, spec: TopicSpec, actual: Mapping[str, str]) -> None:
    for key, wanted in config_of(spec).items():
        value = actual.get(key)
        if value is None or suffices(key, value, wanted):
            continue
        tell = notes.error if key in GRAVE else notes.warn
        tell(
            f"{topic}: {key} is {value}, not {wanted}",
            f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config "
            f"{key}={wanted}",
        )


def _batches(notes: Notes, patient: Patient) -> None:
    batch = patient.settings.producer_batch_bytes
    small = sorted(name for name, spec in patient.declared.items() if spec.max_bytes < batch)
    if small:
        notes.error(
            f"{', '.join(small)}: declared for fewer than the {batch} bytes of a batch",
            "set JOURNEY_PRODUCER_BATCH_BYTES no higher than the smallest max_bytes",
        )

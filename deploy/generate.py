"""The files of `deploy/` that follow from topics.yaml and the settings (`make gen`)."""

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from journey_engine.define.topics import APP_DEFAULT, Topics, TopicSpec
from journey_engine.run.definitions import load_topics
from journey_engine.run.published import TOPIC as DEFINITIONS
from journey_engine.run.publishing import topic_of
from journey_engine.run.sizing import Load, Sizing, size
from journey_engine.run.topics import config_of

ROOT = Path(__file__).parents[1]
CLUSTER = "journeys"
"""The Strimzi cluster."""
BROKERS = f"{CLUSTER}-kafka-bootstrap:9093"
STRIMZI = "kafka.strimzi.io/v1"
COPIED, COPY = "primary", "secondary"
"""The mirror's names for the two clusters."""
SYNCS = f"mm2-offset-syncs.{COPIED}.internal"
"""Tells `failover` the offsets; MirrorMaker calls it so, after the cluster that it copies."""
SHADOWS = "shadow-"
"""What all begins with that is a shadow's own (`Settings.own_prefix`)."""
REPLICATION, MIN_IN_SYNC = 3, 2
"""At least, whatever topics.yaml says for a single broker: one may be gone, and none is lost."""
LAG_OF_ONE = 50_000
"""Records that may wait for each worker: some seconds of its work."""
BEGIN, END = "<!-- begin of the sizes -->", "<!-- end of the sizes -->"
LOADS = ((100_000, 100), (1_000_000, 500), (10_000_000, 5_000), (100_000_000, 50_000))
"""Customers, and events a second at the peak."""
UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
Document = dict[str, Any]
MADE = "Made by `make gen` from topologies/topics.yaml."


def files() -> Mapping[Path, str]:
    """Every generated file by its path."""
    topics = load_topics(ROOT / "topologies", APP_DEFAULT)
    page = ROOT / "deploy" / "README.md"
    made = {ROOT / "deploy" / path: text for path, text in _texts(topics).items()}
    return {**made, page: _with_sizes(page.read_text(encoding="utf-8"), topics)}


def _texts(topics: Topics) -> Mapping[str, str]:
    return {
        "mirror/mm2.properties": _mirror(topics),
        "kubernetes/strimzi/topics.yaml": _yaml(kafka_topics(topics)),
        "kubernetes/strimzi/users.yaml": _yaml(kafka_users(topics)),
        "kubernetes/keda/scaledobject.yaml": _yaml(_scaling(topics)),
    }


def _yaml(documents: Iterable[Document]) -> str:
    writer, text = YAML(), io.StringIO()
    writer.explicit_start = True
    writer.width = 100
    writer.dump_all(list(documents), text)
    return f"# {MADE}\n{text.getvalue()}"


def _strimzi(kind: str, name: str, spec: Document) -> Document:
    labels = {"strimzi.io/cluster": CLUSTER}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": STRIMZI, "kind": kind, "metadata": metadata, "spec": spec}


def kafka_topics(topics: Topics) -> Iterator[Document]:
    """A KafkaTopic for each topic, the definitions' among them."""
    for spec in (*topics.all.values(), topic_of(topics)):
        kept = replace(
            spec,
            replication=max(spec.replication, REPLICATION),
            min_in_sync=max(spec.min_in_sync, MIN_IN_SYNC),
        )
        yield _strimzi(
            "KafkaTopic",
            kept.name,
            {
                "partitions": kept.partitions,
                "replicas": kept.replication,
                "config": config_of(kept),
            },
        )


def kafka_users(topics: Topics) -> Iterator[Document]:
    """A KafkaUser for each who speaks to the broker, with what they need and no more: the worker,
    an operator, a shadow and who starts, compares and drops it, KEDA, who publishes a channel's
    events, who carries out its commands and answers, who reads the reports, and the mirror on each
    of its sides.
    """
    everything = [*topics.all, DEFINITIONS]
    inputs, commands = _named(topics.inputs), _named(topics.commands)
    outputs, internal = _named(topics.outputs), _named(topics.internal)
    transactions = _may("transactionalId", f"{APP_DEFAULT}-", "Write", prefix=True)
    yield _user(
        "worker",
        *(_may("topic", name, "Read", "DescribeConfigs") for name in inputs),
        *(_may("topic", name, "Read", "Write", "DescribeConfigs") for name in internal),
        *(_may("topic", name, "Write", "DescribeConfigs") for name in (*commands, *outputs)),
        _may("topic", DEFINITIONS, "Read"),
        _may("group", APP_DEFAULT, "Read"),
        transactions,
    )
    yield _user(
        "operator",
        *(_may("topic", name, "Read", "Write", "DescribeConfigs") for name in everything),
        _may("topic", SYNCS, "Read"),
        _may("group", APP_DEFAULT, "Read"),
        transactions,
    )
    own = ("Create", "Delete", "Read", "Write", "DescribeConfigs")
    yield _user(
        "shadow",
        *(_may("topic", name, "Read", "DescribeConfigs") for name in topics.all),
        _may("topic", SHADOWS, *own, prefix=True),
        _may("group", SHADOWS, "Read", prefix=True),
        _may("transactionalId", SHADOWS, "Write", prefix=True),
    )
    yield _user(
        "keda",
        *(_may("topic", name, "Describe") for name in (*inputs, topics.internal["inbox"].name)),
        _may("group", APP_DEFAULT, "Describe"),
    )
    for channel, spec in topics.inputs.items():
        yield _user(f"publisher-{channel}", _may("topic", spec.name, "Write"))
    for channel, spec in topics.commands.items():
        answers = topics.inputs.get(channel)
        yield _user(
            f"sender-{channel}",
            _may("topic", spec.name, "Read"),
            *([] if answers is None else [_may("topic", answers.name, "Write")]),
            _may("group", f"sender-{channel}", "Read", prefix=True),
        )
    yield _user(
        "reports",
        *(_may("topic", name, "Read") for name in outputs),
        _may("group", "reports", "Read", prefix=True),
    )
    yield from _mirror_users(everything)


def _mirror_users(everything: Iterable[str]) -> Iterator[Document]:
    """One reads on the cluster that is copied, one writes on the other: each cluster has both."""
    groups = ((APP_DEFAULT, False), ("sender-", True), ("reports", True))
    yield _user(
        "mirror-source",
        *(_may("topic", name, "Read", "DescribeConfigs") for name in everything),
        *(_may("group", name, "Describe", prefix=prefix) for name, prefix in groups),
    )
    kept = ("Create", "Read", "Write", "DescribeConfigs")
    connect = f"{COPIED}-mm2"
    yield _user(
        "mirror-target",
        *(_may("topic", name, *kept, "Alter", "AlterConfigs") for name in everything),
        *(_may("group", name, "Read", prefix=prefix) for name, prefix in groups),
        _may("topic", "mm2-", *kept, prefix=True),
        _may("topic", f"{COPIED}.checkpoints.internal", *kept),
        _may("group", connect, "Read"),
        _may("transactionalId", f"{connect}-", "Write", prefix=True),
        _may("transactionalId", f"connect-cluster-{connect}", "Write"),
    )


def _named(topics: Mapping[str, TopicSpec]) -> list[str]:
    return [spec.name for spec in topics.values()]


def _may(kind: str, name: str, *operations: str, prefix: bool = False) -> Document:
    """`Read` and `Write` include `Describe`."""
    pattern = "prefix" if prefix else "literal"
    resource = {"type": kind, "name": name, "patternType": pattern}
    return {"resource": resource, "operations": list(operations)}


def _user(name: str, *acls: Document) -> Document:
    return _strimzi(
        "KafkaUser",
        f"{APP_DEFAULT}-{name}",
        {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": list(acls)},
        },
    )


def _scaling(topics: Topics) -> Iterator[Document]:
    """KEDA: as many workers as the group's lag asks for; one more than partitions would idle."""
    yield {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": APP_DEFAULT},
        "spec": {
            "secretTargetRef": [
                {"parameter": "username", "name": APP_DEFAULT, "key": "keda_username"},
                {"parameter": "password", "name": APP_DEFAULT, "key": "keda_password"},
                {"parameter": "ca", "name": f"{CLUSTER}-cluster-ca-cert", "key": "ca.crt"},
            ]
        },
    }
    metadata = {
        "bootstrapServers": BROKERS,
        "consumerGroup": APP_DEFAULT,
        "lagThreshold": str(LAG_OF_ONE),
        "sasl": "scram_sha512",
        "tls": "enable",
    }
    yield {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": APP_DEFAULT},
        "spec": {
            "scaleTargetRef": {"kind": "StatefulSet", "name": APP_DEFAULT},
            "minReplicaCount": min(2, topics.partitions),
            "maxReplicaCount": topics.partitions,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        # Each pod that goes leaves its partitions idle for the session time-out.
                        "scaleDown": {
                            "stabilizationWindowSeconds": 1800,
                            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 600}],
                        }
                    }
                }
            },
            "triggers": [
                {
                    "type": "kafka",
                    "metadata": metadata,
                    "authenticationRef": {"name": APP_DEFAULT},
                }
            ],
        },
    }


def _mirror(topics: Topics) -> str:
    """MirrorMaker 2 from `primary` to `secondary`, so that `journey-engine failover` can map the
    positions: names and times kept, no aborted record, no record twice, and a pair of offsets told
    as often as the mirror can.
    """
    names = ", ".join(sorted((*topics.all, DEFINITIONS)))
    lines = {
        "clusters": f"{COPIED}, {COPY}",
        "config.providers": "env",
        "config.providers.env.class": (
            "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
        ),
        **_way_in(COPIED, "mirror-source"),
        **_way_in(COPY, "mirror-target"),
        f"{COPIED}->{COPY}.enabled": "true",
        f"{COPIED}->{COPY}.topics": names,
        f"{COPIED}->{COPY}.sync.group.offsets.enabled": "true",
        f"{COPY}->{COPIED}.enabled": "false",
        # They would be written to the cluster that is copied, where a mirror only reads.
        "emit.heartbeats.enabled": "false",
        # Each cluster's users are made there; to copy rights needs those of an administrator.
        "sync.topic.acls.enabled": "false",
        "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
        f"{COPIED}.consumer.isolation.level": "read_committed",
        f"{COPY}.exactly.once.source.support": "enabled",
        "dedicated.mode.enable.internal.rest": "true",
        "listeners": "http://127.0.0.1:${env:MIRROR_PORT}",
        "offset-syncs.topic.location": "target",
        "offset.lag.max": "0",
        "refresh.topics.interval.seconds": "30",
        "tasks.max": "4",
        "replication.factor": "${env:REPLICATION}",
    }
    own = ("offset-syncs.topic", "checkpoints.topic")
    kept = ("config.storage", "offset.storage", "status.storage")
    lines |= {f"{name}.replication.factor": "${env:REPLICATION}" for name in (*own, *kept)}
    return f"# {MADE}\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


def _way_in(cluster: str, user: str) -> Mapping[str, str]:
    """How the mirror comes to a cluster: SASL over TLS, unless its environment says PLAINTEXT."""

    def told(what: str) -> str:
        return f"${{env:{cluster.upper()}_{what}}}"

    return {
        f"{cluster}.bootstrap.servers": told("BROKERS"),
        f"{cluster}.security.protocol": told("SECURITY_PROTOCOL"),
        f"{cluster}.sasl.mechanism": "SCRAM-SHA-512",
        f"{cluster}.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{APP_DEFAULT}-{user}" password="{told("PASSWORD")}";'
        ),
        f"{cluster}.ssl.truststore.type": "PEM",
        f"{cluster}.ssl.truststore.location": told("CA_FILE"),
    }


def _with_sizes(page: str, topics: Topics) -> str:
    """The page with its table of sizes made anew."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    heads = ("customers", "events/s", *Sizing._fields)
    lines = [" | ".join(heads).replace("_", " "), "|".join("---:" for _ in heads)]
    for customers, rate in LOADS:
        found = size(Load(customers, rate, rate / 3, 200, 1024, 0), topics, REPLICATION)
        lines.append(
            " | ".join((f"{customers:,}", f"{rate:,}", *map(_told, found._asdict().items())))
        )
    table = "".join(f"| {line} |\n" for line in lines)
    return f"{before}{BEGIN}\n{table}{END}{after}"


def _told(item: tuple[str, float]) -> str:
    name, value = item
    if not name.endswith(("disk", "write_per_s")):
        return f"{value:,}"
    unit = next(unit for unit in ("TB", "GB", "MB") if value >= UNITS[unit] or unit == "MB")
    return f"{value / UNITS[unit]:,.1f} {unit}"


def main() -> int:
    """Write them all; the exit code."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

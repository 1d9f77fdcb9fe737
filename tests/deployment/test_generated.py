"""What `deploy/` says follows from topics.yaml and the settings, and says nothing else."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.generate import MIN_IN_SYNC, REPLICATION, ROOT, files
from journey_engine.define.topics import APP_DEFAULT
from journey_engine.run.definitions import load_topics
from journey_engine.run.environment import PREFIX, SECRETS_VARIABLE
from journey_engine.run.naming import names
from journey_engine.run.published import TOPIC as DEFINITIONS
from journey_engine.run.settings import Settings

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
TOPICS = load_topics(ROOT / "topologies", APP_DEFAULT)
NAMES = names(TOPICS)


def documents(path: Path) -> list[Any]:
    return [each for each in YAML(typ="safe").load_all(path) if each is not None]


def only(path: Path) -> Any:
    (document,) = documents(path)
    return document


STATEFUL = only(KUBERNETES / "base" / "statefulset.yaml")
POD = STATEFUL["spec"]["template"]["spec"]
(WORKER,) = POD["containers"]
COMPOSE = only(DEPLOY / "compose" / "compose.yaml")
KUSTOMIZATION = only(KUBERNETES / "base" / "kustomization.yaml")
(LITERALS,) = (each["literals"] for each in KUSTOMIZATION["configMapGenerator"])
CONFIGURED = dict(line.split("=", 1) for line in LITERALS)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_files_are_fresh(path: Path) -> None:
    assert path.read_text() == files()[path], "run `make gen`"


def test_every_topic_is_replicated_bounded_and_kept_for_as_long_as_is_said() -> None:
    made = {each["metadata"]["name"]: each["spec"] for each in documents(_strimzi("topics"))}
    assert made.keys() == {*NAMES.all, DEFINITIONS}
    for name, spec in made.items():
        config = spec["config"]
        assert spec["replicas"] >= REPLICATION > int(config["min.insync.replicas"]) >= MIN_IN_SYNC
        kept = "retention.ms" if config["cleanup.policy"] == "delete" else "min.compaction.lag.ms"
        assert int(config[kept]) > 0, name
        assert spec["partitions"] == (1 if name == DEFINITIONS else TOPICS.partitions)


def _strimzi(kind: str) -> Path:
    return KUBERNETES / "strimzi" / f"{kind}.yaml"


def rights(user: str) -> Mapping[tuple[str, str, str], set[str]]:
    """The operations by type, name and pattern of what they are on."""
    (found,) = (
        each["spec"]["authorization"]["acls"]
        for each in documents(_strimzi("users"))
        if each["metadata"]["name"] == f"{APP_DEFAULT}-{user}"
    )
    return {tuple(each["resource"].values()): set(each["operations"]) for each in found}


def test_a_worker_may_write_what_it_writes_and_read_what_it_reads() -> None:
    may = {name: what for (kind, name, _), what in rights("worker").items() if kind == "topic"}
    writes = {name for name, operations in may.items() if "Write" in operations}
    reads = {name for name, operations in may.items() if "Read" in operations}
    kept = {NAMES.changelog, NAMES.ledger}
    assert reads == {*NAMES.read, *kept, DEFINITIONS}
    outputs = {*NAMES.commands.values(), *NAMES.outputs.values()}
    assert writes == {*outputs, *kept, NAMES.inbox}
    assert {name for name, what in may.items() if "DescribeConfigs" in what} == NAMES.all
    others = {place for place in rights("worker") if place[0] != "topic"}
    assert others == {
        ("group", Settings().group, "literal"),
        ("transactionalId", f"{Settings().group}-", "prefix"),
    }


def test_channels_see_nothing_of_each_other() -> None:
    for channel in TOPICS.inputs:
        assert rights(f"publisher-{channel}") == {
            ("topic", f"interactions.{channel}.v1", "literal"): {"Write"}
        }
    for channel in TOPICS.commands:
        topics = {name for kind, name, _ in rights(f"sender-{channel}") if kind == "topic"}
        assert topics == {f"commands.{channel}.v1", f"interactions.{channel}.v1"}


def test_an_operator_may_read_the_offsets_that_the_mirror_tells() -> None:
    mirror = (DEPLOY / "mirror" / "mm2.properties").read_text().splitlines()
    lost, _ = next(line for line in mirror if line.startswith("clusters"))[11:].split(", ")
    syncs = ("topic", f"mm2-offset-syncs.{lost}.internal", "literal")
    assert rights("operator")[syncs] == {"Read"}
    assert f"--syncs {syncs[1]}" in (DEPLOY / "README.md").read_text()


def test_the_mirror_reads_on_one_side_and_writes_on_the_other() -> None:
    text = (DEPLOY / "mirror" / "mm2.properties").read_text()
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    copied = set(lines["primary->secondary.topics"].split(", "))
    for cluster, user in (("primary", "mirror-source"), ("secondary", "mirror-target")):
        assert f'username="{APP_DEFAULT}-{user}"' in lines[f"{cluster}.sasl.jaas.config"]
        literal = {name for kind, name, how in rights(user) if (kind, how) == ("topic", "literal")}
        assert literal >= copied
    looks = {"Read", "Describe", "DescribeConfigs"}
    assert all(operations <= looks for operations in rights("mirror-source").values())


def test_a_shadow_reads_what_the_app_has_and_writes_what_is_its_own_alone() -> None:
    of_it = rights("shadow")
    own = {place for place, operations in of_it.items() if operations - {"Read", "DescribeConfigs"}}
    assert own == {("topic", "shadow-", "prefix"), ("transactionalId", "shadow-", "prefix")}
    assert of_it["group", "shadow-", "prefix"] == {"Read"}
    assert {name for _, name, pattern in of_it if pattern == "literal"} == NAMES.all
    assert Settings().shadowed("summer").group.startswith("shadow-")


def environments() -> list[Mapping[str, Any]]:
    pod = {each["name"]: each.get("value", "") for each in WORKER["env"]}
    services = COMPOSE["services"].values()
    return [CONFIGURED, pod, *(each["environment"] for each in services if "build" in each)]


def test_each_variable_is_a_setting() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {SECRETS_VARIABLE}
    told = {name for each in environments() for name in each}
    assert told - known == set()
    assert {"JOURNEY_GROUP_INSTANCE_ID", SECRETS_VARIABLE} <= told


def test_the_image_has_the_packages_that_a_setting_asks_for() -> None:
    """A worker with `registry_urls` or `traces` and without their packages does not start."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    lock = (DEPLOY / "image.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    assert CONFIGURED["JOURNEY_REGISTRY_URLS"]
    for extra in ("registry", "otel", "rocksdb"):
        needed = {re.split(r"[^a-z0-9-]", each)[0] for each in extras[extra]}
        assert needed <= locked, extra


def test_each_pod_has_a_name_of_its_own_in_the_group() -> None:
    named = next(each for each in WORKER["env"] if each["name"] == "JOURNEY_GROUP_INSTANCE_ID")
    assert named["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    instances = [
        each["environment"]["JOURNEY_GROUP_INSTANCE_ID"]
        for name, each in COMPOSE["services"].items()
        if name.startswith("worker")
    ]
    assert len(set(instances)) == len(instances) == 2


def test_a_stop_has_the_time_that_it_needs() -> None:
    longest = Settings().stop_timeout_s + 5
    assert POD["terminationGracePeriodSeconds"] > longest
    assert int(COMPOSE["services"]["worker-0"]["stop_grace_period"].removesuffix("s")) > longest


def test_a_restore_never_fails_liveness() -> None:
    """Only /livez is asked: it answers while states are restored, as tests of a worker show."""
    assert WORKER["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert WORKER["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert "startupProbe" not in WORKER


def test_the_web_port_is_the_same_everywhere() -> None:
    port = Settings().web_port
    assert [each["containerPort"] for each in WORKER["ports"]] == [port]
    service = only(KUBERNETES / "base" / "service.yaml")
    assert [each["port"] for each in service["spec"]["ports"]] == [port]
    scraped = only(DEPLOY / "compose" / "prometheus.yml")["scrape_configs"][0]["static_configs"]
    assert scraped[0]["targets"] == [f"worker-{number}:{port}" for number in (0, 1)]


def test_nothing_runs_as_root_or_writes_outside_of_the_data() -> None:
    security = WORKER["securityContext"]
    assert POD["securityContext"]["runAsNonRoot"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    writable = [each["mountPath"] for each in WORKER["volumeMounts"] if not each.get("readOnly")]
    image = (DEPLOY / "Dockerfile").read_text()
    assert writable == ["/data"]
    assert "JOURNEY_DATA_DIR=/data" in image
    assert f"USER {POD['securityContext']['runAsUser']}:" in image
    assert all(each["read_only"] for each in COMPOSE["services"].values() if "build" in each)


def test_kustomize_adds_no_labels_to_whom_the_workers_may_speak_to() -> None:
    """With `includeSelectors` it writes into every `matchLabels`, those of others' pods too."""
    assert any(each.get("includeSelectors") for each in KUSTOMIZATION["labels"])
    policy = only(KUBERNETES / "base" / "network.yaml")["spec"]
    peers = [
        peer
        for rule in policy["ingress"] + policy["egress"]
        for peer in rule.get("from", rule.get("to"))
    ]
    assert len(peers) == 4
    for peer in peers:
        for selector in peer.values():
            assert selector["matchExpressions"]
            assert "matchLabels" not in selector


def test_a_pod_has_the_memory_that_its_worker_may_take() -> None:
    limit = int(WORKER["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert limit >= 1.25 * int(CONFIGURED["JOURNEY_MEMORY_MIB"])


def test_the_workers_wait_for_a_pod_as_long_as_its_session() -> None:
    session = float(CONFIGURED["JOURNEY_SESSION_TIMEOUT_S"])
    assert session <= Settings().request_timeout_s
    assert session >= POD["terminationGracePeriodSeconds"]

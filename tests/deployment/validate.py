"""What `deploy/` holds for others' programs, checked by what knows their forms, offline.

Runs with the packages of `validators.lock`, and none of ours: see `make test-deploy`.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from cloudcoil.models.keda import v1alpha1
from compose_spec import PyCompose
from kubernetes_validate import validate

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
POLICY = yaml.safe_load((KUBERNETES / "base" / "network.yaml").read_text())
VERSION = "1.32"
"""Of Kubernetes."""
STRIMZI = {
    "KafkaTopic": {"partitions", "replicas", "config"},
    "KafkaUser": {"authentication", "authorization"},
}
"""No package carries its schemas: that nothing but these is there is all that is checked."""


def image() -> str:
    """hadolint: no warning."""
    hadolint = Path(sys.executable).with_name("hadolint")
    _run(str(hadolint), str(DEPLOY / "Dockerfile"))
    return "Dockerfile: hadolint"


def compose() -> str:
    """The compose specification's own types, and that what services name is declared."""
    merged = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    PyCompose.from_json(json.dumps(merged)).validate()
    return "compose.yaml: the compose specification"


def folder(name: str) -> str:
    """What Kustomize makes of a folder; without it, the folder's files as they are."""
    built = _built(KUBERNETES / name)
    documents = [each for each in yaml.safe_load_all("---\n".join(built)) if each is not None]
    for document in documents:
        _check(document)
    how = "kustomize" if len(built) == 1 else "its files alone: no kubectl with Kustomize 5"
    return f"kubernetes/{name}: {len(documents)} objects, {how}"


def _check(document: dict[str, Any]) -> None:
    group, kind = document["apiVersion"].split("/")[0], document["kind"]
    if group == "keda.sh":
        model = getattr(v1alpha1, kind)
        read = model.model_validate(document).model_dump(mode="json", by_alias=True)
        _same(document, read, kind)
    elif group == "kafka.strimzi.io":
        if set(document["spec"]) != STRIMZI[kind]:
            raise ValueError(f"{kind} {document['metadata']['name']}: {sorted(document['spec'])}")
    else:
        validate(document, VERSION, strict=True)
        if kind == "NetworkPolicy" and _peers(document) != _peers(POLICY):
            raise ValueError(f"Kustomize changes whom the workers may speak to: {_peers(document)}")


def _peers(policy: dict[str, Any]) -> list[Any]:
    rules = policy["spec"]["ingress"] + policy["spec"]["egress"]
    return [rule.get("from", rule.get("to")) for rule in rules]


def _same(given: Any, read: Any, place: str) -> None:
    """What is not in the model is passed over when it is read: nothing may be."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key not in read:
                raise ValueError(f"{place}.{key} is unknown")
            _same(value, read[key], f"{place}.{key}")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            _same(value, read[number], f"{place}.{number}")


def _built(path: Path) -> list[str]:
    kubectl = shutil.which("kubectl")
    if kubectl is not None and "Kustomize Version: v5" in _run(kubectl, "version", "--client"):
        return [_run(kubectl, "kustomize", str(path))]
    kept = sorted(each for each in path.glob("*.yaml") if each.name != "kustomization.yaml")
    return [each.read_text() for each in kept]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise ValueError((done.stdout + done.stderr).strip())
    return done.stdout


def _checks() -> Iterator[Callable[[], str]]:
    yield image
    yield compose
    for name in ("base", "keda", "strimzi"):
        yield partial(folder, name)


def main() -> int:
    """Check all; the exit code."""
    failed = 0
    for check in _checks():
        try:
            sys.stdout.write(f"ok    {check()}\n")
        except Exception as error:  # noqa: BLE001 - each validator fails in its own way
            failed += 1
            sys.stdout.write(f"wrong {error}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Access rules on a broker with an authorizer, those that ship among them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.protocol.admin import CreateAclsRequest
from ruamel.yaml import YAML

from journey_engine.run.settings import Settings
from journey_engine.run.topics import connected
from tests.broker.rig import ROOT

SHIPPED = ROOT / "deploy" / "kubernetes" / "strimzi" / "users.yaml"
KINDS = {"topic": 2, "group": 3, "transactionalId": 5}
PATTERNS = {"literal": 3, "prefix": 4}
OPERATIONS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}
ALLOW = 3


class Rule(NamedTuple):
    """Who may do what, in Strimzi's words (`KafkaUser`)."""

    user: str
    kind: str
    name: str
    pattern: str
    operations: tuple[str, ...]


def shipped(path: Path = SHIPPED) -> Mapping[str, list[Rule]]:
    """The rules of each user that ships."""
    users: list[Any] = list(YAML(typ="safe").load_all(path))
    return {
        user["metadata"]["name"]: [
            Rule(
                user["metadata"]["name"],
                rule["resource"]["type"],
                rule["resource"]["name"],
                rule["resource"]["patternType"],
                tuple(rule["operations"]),
            )
            for rule in user["spec"]["authorization"]["acls"]
        ]
        for user in users
    }


async def allow(settings: Settings, *rules: Rule) -> None:
    """Have the broker know the rules; `settings` are an administrator's."""
    requests = [
        CreateAclsRequest(
            KINDS[rule.kind],
            rule.name,
            PATTERNS[rule.pattern],
            f"User:{rule.user}",
            "*",
            OPERATIONS[operation],
            ALLOW,
        )
        for rule in rules
        for operation in rule.operations
    ]
    async with connected(settings) as admin:
        send = admin._send_request  # noqa: SLF001 - it has no public way
        answers = await asyncio.gather(*map(send, requests))
    assert {each[0] for answer in answers for each in answer.creation_responses} == {0}

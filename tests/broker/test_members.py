"""Who is in a group, asked of a coordinator that is not ready to tell."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError

from journey_engine.run.brokers import EmbeddedBroker
from journey_engine.run.settings import Settings
from journey_engine.run.topics import members

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]
GROUP = (0, "shop", "Stable", "consumer", "", [("m-1",), ("m-2",)], 0)
LOADING, NOT_HERE, ABSENT, FORBIDDEN = 14, 16, 15, 30


def answering(monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
    """The broker answers with these codes and no members, then with two of them."""
    answers: list[tuple[Any, ...]] = [(code, "shop", "", "", "", [], 0) for code in codes]

    async def describe(_: AIOKafkaAdminClient, __: list[str]) -> list[Any]:
        return [SimpleNamespace(groups=[answers.pop(0) if answers else GROUP])]

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_consumer_groups", describe)


async def test_a_group_that_is_not_told_of_is_not_an_empty_one(
    embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(brokers=(embedded_broker.address,), app_id="shop")
    assert await members(settings) == 0
    answering(monkeypatch, LOADING, ABSENT, NOT_HERE)
    assert await members(settings) == 2
    answering(monkeypatch, FORBIDDEN)
    with pytest.raises(GroupAuthorizationFailedError, match="group shop"):
        await members(settings)

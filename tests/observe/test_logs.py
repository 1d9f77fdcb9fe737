"""Logs show no customer."""

import json

import pytest
import structlog

from journey_engine.observe.logs import configure, hashed


def test_a_customers_id_is_hashed(capfd: pytest.CaptureFixture[str]) -> None:
    configure(json=True, level="info")
    structlog.get_logger("t").info("seen", customer_id="ann@example.com", partition=2)
    line = json.loads(capfd.readouterr().err)
    assert line["customer_id"] == hashed("ann@example.com") != "ann@example.com"
    assert (line["event"], line["partition"], line["level"]) == ("seen", 2, "info")


def test_an_operator_may_ask_for_the_ids(capfd: pytest.CaptureFixture[str]) -> None:
    configure(json=True, level="info", customer_ids=True)
    structlog.get_logger("u").info("seen", customer_id="ann")
    assert json.loads(capfd.readouterr().err)["customer_id"] == "ann"

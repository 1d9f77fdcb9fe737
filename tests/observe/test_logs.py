"""Logs show no customer, and a library that repeats itself once in a while."""

import json
import logging

import pytest
import structlog

from journey_engine.observe.logs import REPEAT_S, configure, hashed


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


def test_libraries_speak_from_warnings_on_whatever_the_level(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure(json=True, level="debug")
    for library in ("aiokafka.conn", "asyncio", "httpcore2.connection", "httpx2"):
        logging.getLogger(library).debug("busy")
        logging.getLogger(library).info("busy")
        logging.getLogger(library).warning("no connection of %s", library)
    said = {json.loads(line)["level"] for line in capfd.readouterr().err.splitlines()}
    assert said == {"warning"}


def test_what_a_library_repeats_is_left_out_and_counted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    configure(json=True, level="info")
    library, ours = logging.getLogger("aiokafka.conn"), structlog.get_logger("journey_engine.run")

    def said() -> list[str]:
        for node in range(1000):
            library.warning("no connection to node %s", node)
        library.warning("another matter")
        ours.info("seen")
        ours.info("seen")
        return [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()]

    assert said() == ["no connection to node 0", "another matter", "seen", "seen"]
    assert said() == ["seen", "seen"]
    now = REPEAT_S
    repeated = ["no connection to node 0 (and 1999 more like it)"]
    assert said()[:1] == repeated
    assert said() == ["seen", "seen"]

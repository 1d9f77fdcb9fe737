"""Journeys told of as left out are those of the definitions in force, not of others it read."""

import json
from pathlib import PurePosixPath

from journey_engine.define.compiler import JOURNEYS_FOLDER
from journey_engine.define.topics import parse_topics
from journey_engine.encode.definition import (
    Part,
    PublishedJourney,
    PublishedPlan,
    encode_definition,
    key_of,
)
from journey_engine.run.published import Published
from journey_engine.run.zones import load_zones
from tests.define.definitions import CART, FILES, SCHEMAS, bent, compiled

WRONG = "wrong"


def published() -> Published:
    """`cart` of version 3, which is right, and in another plan of version 4, which is not."""
    channels: dict[str, object] = {name: {} for name in compiled().channels}
    text = json.dumps({"partitions": 4, "inputs": {"web": {}}, "commands": channels})
    topics = parse_topics("topics.yaml", text)
    found = Published(SCHEMAS, load_zones(), topics)
    company = {
        PurePosixPath(path).name: text
        for path, text in FILES.items()
        if JOURNEYS_FOLDER not in PurePosixPath(path).parts
    }
    broken = bent(CART, "version: 3", "version: 4", bent(CART, "after: 4h", "after: 4 hours"))
    for version, text, name in ((3, FILES[CART], compiled().hash), (4, broken[CART], WRONG)):
        plan = PublishedPlan(name, 0, company, [Part("cart", version, kept=False)])
        for each in (PublishedJourney("cart", version, text), plan):
            found.take(key_of(each), encode_definition(each))
    return found


def test_journeys_left_out_are_told_of_the_definitions_in_force_alone() -> None:
    right, found = compiled().hash, published()
    for name in (right, WRONG):
        assert found.find(name) is not None
    assert found.left_out({right}) == 0
    assert found.left_out({right, WRONG}) == 1
    assert found.left_out(set()) == 0

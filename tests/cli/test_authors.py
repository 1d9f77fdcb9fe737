"""The commands of those who write journeys."""

import json
import shutil
from pathlib import Path

import pytest

from journey_engine.run.definitions import load_sound
from journey_engine.simulate import SHOP_LOG
from tests.cli.conftest import CART, ROOT, Engine, spoil


def test_validate_says_all_good(engine: Engine) -> None:
    said = engine("validate")
    assert said.code == 0
    assert "all good" in said.out
    assert said.err == ""


def test_validate_tells_a_program_what_it_read(engine: Engine) -> None:
    said = engine("validate", "--json")
    document = json.loads(said.out)
    assert said.code == 0
    assert document["ok"] is True
    assert {each["journey"] for each in document["journeys"]} >= {"cart-rescue", "win-back"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("event.customer_id != null", "event.custumer_id != null", "custumer_id"),
        ("event.customer_id != null", "event.customer_id > 3", "WRONG_TYPE"),
        ("start: waiting", "start: [waiting", ""),
        ("on: OrderPlaced", "on: OrderPlacd", "OrderPlacd"),
    ],
    ids=["unknown field in a guard", "wrong type in a guard", "malformed YAML", "unknown event"],
)
def test_validate_points_at_what_is_wrong(
    engine: Engine, topologies: Path, old: str, new: str, says: str
) -> None:
    place = spoil(topologies, old, new)
    said = engine("validate", topologies)
    assert said.code == 1
    if says:
        assert place in said.err
        assert says in said.err
    else:
        assert f"{topologies / CART}:" in said.err


def test_validate_tells_all_errors_of_all_files_at_once(engine: Engine, topologies: Path) -> None:
    places = [
        spoil(topologies, "event.customer_id != null", "event.custumer_id != null"),
        spoil(topologies, "event.total", "event.totl"),
        spoil(topologies, "PaymentFailed", "PaymentFaild", Path("journeys/payment-rescue.yaml")),
    ]
    said = engine("validate", topologies, "--json")
    assert said.code == 1
    document = json.loads(said.out)
    found = {f"{each['file']}:{each['line']}:" for each in document["errors"]}
    assert document["ok"] is False
    assert found >= set(places)
    assert all(each["column"] >= 1 and each["code"] for each in document["errors"])


def test_a_worker_does_not_start_on_definitions_that_are_wrong(
    engine: Engine, topologies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = topologies / "channels.yaml"
    channels.write_text(channels.read_text().replace("channels:", "chanels:", 1))
    monkeypatch.setenv("JOURNEY_TOPOLOGIES", str(topologies))
    monkeypatch.setenv("JOURNEY_BROKER", "kafka:9092")
    said = engine("worker")
    assert said.code == 1
    assert f"{channels}:" in said.err
    assert "did you mean `JOURNEY_BROKERS`?" in said.err


def test_a_file_called_yml_is_told_and_leaves_no_journey_out(
    engine: Engine, topologies: Path
) -> None:
    shutil.copy(topologies / CART, (topologies / CART).with_suffix(".yml"))
    said = engine("validate", topologies)
    assert said.code == 1
    assert "cart-rescue.yml:1:1: error[UNKNOWN_FILE]" in said.err
    assert load_sound(topologies, ROOT / "schemas").quarantined == {}


def test_a_worker_does_not_start_on_a_setting_that_is_unknown(
    engine: Engine, tmp_path: Path
) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("brokerz: localhost:9092\n")
    said = engine("worker", "--config", config)
    assert said.code == 1
    assert "brokerz" in said.err


def test_a_diagram_shows_the_stages(engine: Engine) -> None:
    said = engine("diagram", "cart-rescue")
    assert said.code == 0
    assert said.out.startswith("stateDiagram-v2")
    for stage in ("waiting", "reminded", "engaged", "last_call"):
        assert stage in said.out


def test_a_diagram_of_no_journey_names_those_there_are(engine: Engine) -> None:
    said = engine("diagram", "cart-rescu")
    assert said.code == 1
    assert "cart-rescue" in said.err


REFUSED: list[dict[str, object]] = [
    {"type": "ConsentChanged", "purpose": "marketing", "granted": False},
    {"type": "CartUpdated", "cart_id": "k"},
    {"type": "ProductViewed", "product_id": "p"},
]


def test_explain_tells_why_not_and_what_would_have_helped(engine: Engine, tmp_path: Path) -> None:
    log, folder = tmp_path / "log.jsonl", tmp_path / "out"
    shared = {"customer_id": "anna", "channel": "web", "source": "shop"}
    lines = [
        {**shared, **each, "event_id": f"e{day}", "occurred_at": f"2026-03-0{day}T10:00:00Z"}
        for day, each in enumerate(REFUSED, 1)
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = ("explain", "--customer", "anna", "--content", "cart-reminder")
    said = engine(*asked, "--events", log)
    assert said.code == 0
    assert "NO_CONSENT at 2026-03-02T14:00:00" in said.out
    assert "read: consent marketing/* = false since 2026-03-01T10:00:00" in said.out
    assert "it would have been sent with consent to marketing on push" not in said.out
    assert "it would have been sent with consent to marketing on email" in said.out
    (answer,) = json.loads(engine(*asked, "--events", log, "--json").out)["answers"]
    assert (answer["outcome"], answer["rule"]) == ("NO_CONSENT", "K1")
    before = engine(*asked, "--events", log, "--at", "2026-03-02T13:00:00Z")
    assert "it stands in stage waiting" in before.out
    engine("replay", "--events", log, "--out", folder)
    recorded = engine(*asked, "--decisions", folder / "decisions.jsonl", "--json")
    (known,) = json.loads(recorded.out)["answers"]
    assert known == {**answer, "at": known["at"], "inputs": {}, "instead": []}
    nobody = engine(*asked[:2], "bert", *asked[3:], "--decisions", folder / "decisions.jsonl")
    assert nobody.code == 1
    assert "bert" in nobody.err


def test_explain_goes_by_the_definitions_that_were_in_force(
    engine: Engine, topologies: Path, tmp_path: Path
) -> None:
    """Version 2 waits six hours instead of four; who had entered stays on version 1."""
    former = Path(shutil.copytree(topologies, tmp_path / "former"))
    cart = topologies / CART
    shutil.copy(cart, cart.with_name("cart-rescue@1.yaml"))
    spoil(topologies, "version: 1", "version: 2")
    spoil(topologies, "after: 4h", "after: 6h")
    log = tmp_path / "log.jsonl"
    shared = {"channel": "web", "source": "shop", "type": "CartUpdated", "cart_id": "k"}
    lines = [
        {**shared, "customer_id": who, "event_id": who, "occurred_at": f"2026-03-01T{hour}:00:00Z"}
        for who, hour in (("anna", "10"), ("bert", "12"), ("cora", "23"))
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    where = ("--events", log, "--topologies", topologies, "--content", "cart-reminder", "--json")
    changed = ("--former", former, "--activated", "2026-03-01T11:00:00Z")

    def told(customer: str, *more: object) -> tuple[int, str]:
        said = engine("explain", *where, "--customer", customer, *more)
        (answer,) = json.loads(said.out)["answers"]
        return answer["version"], answer["decided_at"][11:16]

    assert told("anna", *changed) == (1, "14:00")
    assert told("bert", *changed) == (2, "18:00")
    assert told("anna") == (2, "16:00")
    assert engine("explain", *where, "--customer", "anna", *changed[:2]).code == 2
    assert engine("explain", *where[:4], "--customer", "anna", *changed).code == 2


def test_explain_of_what_is_not_there_says_so(engine: Engine) -> None:
    unknown = engine("explain", "--customer", "anna", "--content", "cart-remindr")
    assert unknown.code == 1
    assert "cart-reminder" in unknown.err


@pytest.mark.parametrize(
    "line", ["{", "{}", "[1]", "\xff", "[" * 100_000], ids=lambda line: line[:9]
)
def test_explain_points_at_a_line_that_is_no_decision(
    engine: Engine, tmp_path: Path, line: str
) -> None:
    damaged = tmp_path / "decisions.jsonl"
    damaged.write_bytes(line.encode("latin-1") + b"\n")
    asked = ("explain", "--customer", "a", "--content", "cart-reminder", "--decisions", damaged)
    said = engine(*asked)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"{damaged}:1: not a decision: ")


FILES = ("commands.jsonl", "transitions.jsonl", "decisions.jsonl")


def test_a_replay_writes_the_same_three_files_each_time(engine: Engine, tmp_path: Path) -> None:
    shown = engine("replay", "--events", SHOP_LOG, "--out", tmp_path / "a")
    assert (shown.code, shown.err) == (0, "")
    first = engine("replay", "--events", SHOP_LOG, "--out", tmp_path / "a", "--json")
    second = engine("replay", "--events", SHOP_LOG, "--out", tmp_path / "b", "--json")
    assert (first.code, second.code) == (0, 0)
    assert first.out == second.out
    for name in FILES:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes()
        assert all(json.loads(each) for each in content.splitlines())
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == sorted(FILES)
    commands = (tmp_path / "a" / FILES[0]).read_bytes().splitlines()
    assert len(commands) == sum(json.loads(first.out)["commands"].values())


def test_until_lets_the_timers_run_on(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"type": "CartUpdated", "event_id": "1", "customer_id": "anna", "channel": "web",'
        ' "source": "shop", "occurred_at": "2026-03-01T10:00:00Z", "cart_id": "k"}\n'
    )
    args = ("replay", "--events", log, "--out", tmp_path / "out", "--json")
    assert json.loads(engine(*args).out)["commands"] == {}
    later = engine(*args, "--until", "2026-03-01T14:00:00Z")
    assert sum(json.loads(later.out)["commands"].values()) == 1


def test_a_replay_of_a_file_that_is_not_there_says_so(engine: Engine, tmp_path: Path) -> None:
    said = engine("replay", "--events", tmp_path / "none.jsonl", "--out", tmp_path / "out")
    assert said.code == 1
    assert f"{tmp_path / 'none.jsonl'}: No such file" in said.err


def test_a_mapping_that_is_not_utf_8_is_told_like_a_definition(
    engine: Engine, tmp_path: Path
) -> None:
    log, mapping = tmp_path / "log.csv", tmp_path / "shop.map.yaml"
    log.write_text("a\n1\n")
    mapping.write_bytes(b"map\xff: 1\n")
    said = engine("replay", "--events", log, "--map", mapping, "--out", tmp_path / "out")
    assert said.code == 1
    assert f"{mapping}:1:4: error[NOT_UTF8]" in said.err


SPLIT = """\
    split:
      experiment: thanks-2026
      unit: customer
      arms: {none: {share: 25%, to: end, outcome: left}, thanks: {share: 75%, to: end}}
"""


def test_folders_that_are_not_named_are_those_of_the_settings(
    engine: Engine, topologies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (topologies / CART).write_text("journey: [\n")
    named = ("diagram", "cart-rescue", "--topologies", "topologies")
    monkeypatch.setenv("JOURNEY_TOPOLOGIES", str(topologies))
    assert engine("diagram", "cart-rescue").code == 1
    assert engine(*named).code == 0
    for command in ("validate", "test"):
        assert str(topologies) in engine(command, "--json").out
    monkeypatch.delenv("JOURNEY_TOPOLOGIES")
    config = tmp_path / "settings.yaml"
    config.write_text(f"topologies: {topologies}\nschemas: {tmp_path / 'nowhere'}\napp_id: shop\n")
    assert engine("diagram", "cart-rescue").code == 0
    monkeypatch.setenv("JOURNEY_CONFIG", str(config))
    assert "nowhere" in engine("diagram", "cart-rescue").err
    monkeypatch.setenv("JOURNEY_SCHEMAS", "schemas")
    assert engine("diagram", "cart-rescue").code == 1
    assert engine(*named).code == 0
    config.unlink()
    (error,) = json.loads(engine("validate", "--json").out)["errors"]
    assert str(config) in error["message"]


def test_experiments_allocate_writes_the_lock_that_validate_wants(
    engine: Engine, topologies: Path
) -> None:
    words = ("experiments", "allocate", "--topologies", topologies)
    assert engine(*words, "--check").code == 0
    text = (topologies / CART).read_text()
    (topologies / CART).write_text(f"{text.rstrip()}\n  last:\n    macro_stage: purchase\n{SPLIT}")
    spoil(topologies, "to: end, outcome: left", "to: last")

    assert "experiments allocate" in engine("validate", topologies).err
    stale = engine(*words, "--check")
    assert (stale.code, "is stale" in stale.err) == (1, True)
    assert not (topologies / "experiments.lock.yaml").exists()

    said = engine(*words)
    assert (said.code, said.out) == (0, "thanks-2026: none 25%, thanks 75%; new\n")
    assert engine("validate", topologies).code == 0
    assert engine(*words, "--check").code == 0

    spoil(
        topologies,
        "25%, to: end, outcome: left}, thanks: {share: 75%",
        "20%, to: end, outcome: left}, thanks: {share: 80%",
    )
    moved = json.loads(engine(*words, "--json").out)
    assert moved["changes"] == [
        {
            "experiment": "thanks-2026",
            "arms": {"none": 2000, "thanks": 8000},
            "moved": [{"from": "none", "to": "thanks", "buckets": 500}],
            "used": True,
        }
    ]
    assert engine("validate", topologies).code == 0

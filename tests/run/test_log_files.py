"""Event logs as they lie on disk."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from journey_engine.decode.bodies import LogBody
from journey_engine.decode.log import LogEvent, LogRaw, route
from journey_engine.decode.record import Record
from journey_engine.errors import DefinitionErrors
from journey_engine.run.log_files import read_log, read_mapping
from journey_engine.schemas import EventSchema, Schemas

SHOP_MAP = Path(__file__).parents[2] / "schemas/maps/ecom.map.yaml"
HEADER = (
    "user_id,session_id,event,timestamp,platform,acquisition_channel,user_cohort,user_lifecycle"
)
SHOP_ROWS = [
    "user_0000,sess_1,home,2024-03-13 10:21:14,desktop,email,2024-01,returning",
    "user_0000,sess_1,add_to_cart,2024-03-13 10:23:32,mobile,email,2024-01,returning",
    "user_0000,sess_1,payment_error,2024-03-13 10:25:00,tablet,email,2024-01,returning",
    "user_0000,sess_1,purchase,2024-03-13 10:26:00,desktop,email,2024-01,returning",
    "user_0001,sess_2,support_chat,2024-03-12 09:00:00,mobile,organic,2024-01,new",
]


def page(number: int, at: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "PageViewed",
        "event_id": f"e{number}",
        "customer_id": "c1",
        "occurred_at": at,
        "channel": "web",
        "source": "shop",
        "page": "home",
        **more,
    }


def json_lines(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def ids(paths: list[Path], schemas: Schemas) -> list[str]:
    return [
        line.fields["event_id"] if isinstance(line, LogEvent) else "raw"
        for line in read_log(paths, schemas)
    ]


def test_json_lines_are_read_in_the_order_of_the_file(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(json_lines(page(2, 50), page(1, 40)) + b"\n")
    assert ids([log], schemas) == ["e2", "e1"]


@pytest.mark.parametrize("line", [b"{broken", b"[" * 100_000], ids=["cut short", "very deep"])
def test_a_line_that_is_no_json_is_refused_where_it_stands(
    line: bytes, tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(json_lines(page(1, 40)) + line)
    with pytest.raises(DefinitionErrors, match="not JSON") as caught:
        list(read_log([log], schemas))
    assert caught.value.errors[0].line == 2


def test_packed_files_are_read_too(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.jsonl.gz"
    log.write_bytes(gzip.compress(json_lines(page(1, 40))))
    assert ids([log], schemas) == ["e1"]


def test_several_files_are_merged_by_arrival_and_each_keeps_its_order(
    tmp_path: Path, schemas: Schemas
) -> None:
    web, mail = tmp_path / "web.jsonl", tmp_path / "mail.jsonl"
    web.write_bytes(json_lines(page(1, 10), page(2, 30), page(3, 5), page(4, 40)))
    raw = {"raw": "", "channel": "web", "recorded_at": 31}
    mail.write_bytes(json_lines(page(5, 20), page(6, 1, recorded_at=30), raw))
    assert ids([web, mail], schemas) == ["e1", "e5", "e2", "e3", "e6", "raw", "e4"]


def test_raw_lines_come_as_bytes(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(json_lines({"raw": "/w==", "channel": "web", "key": "k"}))
    (line,) = read_log([log], schemas)
    assert isinstance(line, LogRaw)
    assert (line.value, line.key) == (b"\xff", b"k")


@pytest.mark.parametrize("text", [b"{", b"[]", b'"\xff"', b'{"type": "Nothing"}'])
def test_a_wrong_line_is_named_by_file_and_number(
    text: bytes, tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(json_lines(page(1, 40)) + text)
    with pytest.raises(DefinitionErrors) as caught:
        list(read_log([log], schemas))
    assert [(e.file, e.line) for e in caught.value.errors] == [(str(log), 2)]


def records(log: Path, schemas: Schemas) -> list[Record]:
    topics = {"web": "interactions.web.v1"}
    return list(route(read_log([log], schemas), schemas, topics, 4))


def other_name(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "namespace": "shop", "name": f"shop.{schema['name'].rpartition('.')[2]}"}


CONTAINERS: dict[str, Callable[[EventSchema], dict[str, Any]]] = {
    "as it is published": lambda schema: schema.parsed,
    "times as plain numbers": lambda schema: schema.wire,
    "of another namespace": lambda schema: other_name(schema.wire),
}


@pytest.mark.parametrize("form", CONTAINERS)
@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_container_file_gives_the_records_of_json_lines(
    form: str, codec: str, tmp_path: Path, schemas: Schemas
) -> None:
    lines = [page(n, 40 + n, customer_id=f"c{n % 9}") for n in range(60)]
    lines += [page(n, 99, anonymous_id="é", customer_id=None, type="EmailVerified") for n in (1, 2)]
    for line in lines[60:]:
        del line["page"]
    plain, packed = tmp_path / "log.jsonl", tmp_path / "log.avro"
    plain.write_bytes(json_lines(*lines))
    types = {
        name: CONTAINERS[form](schemas.events[name]) for name in ("PageViewed", "EmailVerified")
    }
    written = [
        (types[line["type"]]["name"], {k: v for k, v in line.items() if k != "type"})
        for line in lines
    ]
    with packed.open("wb") as out:
        fastavro.writer(out, list(types.values()), written, codec=codec, sync_interval=1000)
    assert records(packed, schemas) == records(plain, schemas)


def test_what_is_as_published_is_taken_over_unread(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.avro"
    line = {k: v for k, v in page(1, 40).items() if k != "type"}
    with log.open("wb") as out:
        fastavro.writer(out, schemas.events["PageViewed"].parsed, [line])
    (read,) = read_log([log], schemas)
    assert isinstance(read, LogBody)
    two = [line.line for line in read_log([log, log], schemas) if isinstance(line, LogBody)]
    assert two == [1, 1]


def test_a_time_after_the_year_9999_is_damage(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.avro"
    line = {k: v for k, v in page(1, 40).items() if k != "type"}
    with log.open("wb") as out:
        in_micros = {**line, "occurred_at": 1_700_000_000_000_000}
        fastavro.writer(out, schemas.events["PageViewed"].parsed, [line, in_micros])
    with pytest.raises(DefinitionErrors, match="the file is damaged"):
        list(read_log([log], schemas))


def test_records_of_a_file_may_share_a_named_type(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.avro"
    wire = {k: v for k, v in schemas.events["PageViewed"].wire.items() if k[0] != "_"}
    page_of = {"type": "enum", "name": "x.Page", "symbols": ["home"]}
    types = [
        {
            **schema,
            "fields": [f | {"type": kind} if f["name"] == "page" else f for f in wire["fields"]],
        }
        for schema, kind in ((wire, page_of), (other_name(wire), "x.Page"))
    ]
    line = {k: v for k, v in page(1, 40, page="home").items() if k != "type"}
    with log.open("wb") as out:
        fastavro.writer(out, types, [(each["name"], line) for each in types])
    assert len(list(read_log([log], schemas))) == 2


def test_a_channel_without_a_topic_is_named_by_its_place(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.avro"
    lines = [{k: v for k, v in page(1, 40, channel=at).items() if k != "type"} for at in "wx"]
    with log.open("wb") as out:
        fastavro.writer(out, schemas.events["PageViewed"].parsed, lines)
    with pytest.raises(DefinitionErrors, match="'x'") as caught:
        list(route(read_log([log], schemas), schemas, {"w": "web"}, 1))
    assert [(e.file, e.line) for e in caught.value.errors] == [(str(log), 2)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.avro", b"nothing of the kind"),
        ("log.avro", b""),
        ("log.jsonl.gz", b"nothing of the kind"),
        ("log.jsonl.gz", gzip.compress(b"{}" * 5000)[:30]),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    name: str, content: bytes, tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / name
    log.write_bytes(content)
    with pytest.raises(DefinitionErrors, match="the file is damaged"):
        list(read_log([log], schemas, read_mapping(SHOP_MAP, schemas)))


def test_a_container_file_whose_records_could_be_without_end_is_refused(
    tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / "log.avro"
    node = {
        "type": "record",
        "name": "Node",
        "fields": [{"name": "next", "type": ["null", "Node"]}],
    }
    deep: dict[str, Any] | None = None
    for _ in range(400):
        deep = {"next": deep}
    with log.open("wb") as out:
        fastavro.writer(out, node, [deep])
    with pytest.raises(DefinitionErrors, match="type Node contains itself"):
        list(read_log([log], schemas))


def test_a_container_file_cut_short_gives_what_is_whole_and_is_refused(
    tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / "log.avro"
    lines = [{k: v for k, v in page(n, n).items() if k != "type"} for n in range(400)]
    with log.open("wb") as out:
        fastavro.writer(out, schemas.events["PageViewed"].parsed, lines, sync_interval=1000)
    log.write_bytes(log.read_bytes()[:-500])
    read = []
    with pytest.raises(DefinitionErrors, match="the file is damaged"):  # noqa: PT012 - see the name
        for line in read_log([log], schemas):
            read.append(line)  # noqa: PERF402 - a list() would be lost with the error
    assert len(read) > 300


def test_an_absent_file_is_the_systems_error(tmp_path: Path, schemas: Schemas) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_log([tmp_path / "log.jsonl"], schemas))


def test_the_shop_files_rows_become_events_in_order_of_time(
    tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / "ecom.csv.gz"
    log.write_bytes(gzip.compress("\n".join([HEADER, *SHOP_ROWS, ""]).encode()))
    mapping = read_mapping(SHOP_MAP, schemas)
    lines = [line for line in read_log([log], schemas, mapping) if isinstance(line, LogEvent)]
    assert [(line.type, line.fields["channel"], line.fields["customer_id"]) for line in lines] == [
        ("SupportContacted", "chat", "user_0001"),
        ("PageViewed", "web", "user_0000"),
        ("CartUpdated", "app", "user_0000"),
        ("PaymentFailed", "web", "user_0000"),
        ("OrderPlaced", "web", "user_0000"),
    ]
    viewed, cart, failed = (line.fields for line in lines[1:4])
    assert viewed == {
        "event_id": viewed["event_id"],
        "customer_id": "user_0000",
        "anonymous_id": None,
        "occurred_at": 1_710_325_274_000,
        "channel": "web",
        "source": "shop-clickstream",
        "session_id": "sess_1",
        "backfill": False,
        "page": "home",
        "intent": None,
        "platform": "desktop",
        "acquisition_channel": "email",
        "lifecycle": "returning",
    }
    assert (cart["cart_id"], cart["total"]) == ("user_0000", None)
    assert (failed["reason"], failed["amount"]) == ("payment_error", None)


def test_every_event_of_the_shop_has_a_meaning(schemas: Schemas) -> None:
    mapping = read_mapping(SHOP_MAP, schemas)
    assert set(mapping.events) == {
        "product_view",
        "catalog",
        "search",
        "home",
        "filter_results",
        "add_to_cart",
        "cart",
        "shipping_details",
        "wishlist_add",
        "promo_page",
        "payment_details",
        "account_page",
        "purchase",
        "review_page",
        "support_chat",
        "error_page",
        "compare",
        "payment_error",
        "checkout_bug",
    }


def test_a_table_without_mapping_is_refused(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.csv"
    log.write_text(HEADER)
    with pytest.raises(DefinitionErrors, match="needs a mapping"):
        list(read_log([log], schemas))


@pytest.mark.parametrize("row", ["user_0000,sess_1", SHOP_ROWS[0] + ",more"])
def test_a_row_of_another_width_is_refused(row: str, tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.csv"
    log.write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(DefinitionErrors, match="not as many cells") as caught:
        list(read_log([log], schemas, read_mapping(SHOP_MAP, schemas)))
    assert caught.value.errors[0].line == 2


@pytest.mark.parametrize(
    "row", ['user_0000,"sess_1,home', 'user_0000,"sess"_1,home', "x" * 200_000], ids=str.__len__
)
def test_a_row_that_is_no_csv_is_refused_where_it_begins(
    row: str, tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("\n".join([HEADER, SHOP_ROWS[0], row, *SHOP_ROWS, ""]))
    with pytest.raises(DefinitionErrors, match="no CSV") as caught:
        list(read_log([log], schemas, read_mapping(SHOP_MAP, schemas)))
    assert [(e.file, e.line) for e in caught.value.errors] == [(str(log), 3)]


def test_a_table_with_two_columns_of_one_name_is_refused(tmp_path: Path, schemas: Schemas) -> None:
    log = tmp_path / "log.csv"
    log.write_text(f"{HEADER},,,event\n")
    with pytest.raises(DefinitionErrors, match="there are 2 columns event") as caught:
        list(read_log([log], schemas, read_mapping(SHOP_MAP, schemas)))
    assert caught.value.errors[0].line == 1


@pytest.mark.parametrize("rows", [0, 1, 7, 300])
@pytest.mark.parametrize("name", ["log.csv", "LOG.CSV", "log.csv.GZ"])
def test_a_byte_that_is_no_utf_8_is_told_with_its_line(
    name: str, rows: int, tmp_path: Path, schemas: Schemas
) -> None:
    log = tmp_path / name
    lines = [HEADER, *(SHOP_ROWS[0] for _ in range(rows)), "M\xfcller", *SHOP_ROWS]
    text = "\n".join(lines).encode("latin-1")
    log.write_bytes(gzip.compress(text) if name.endswith("GZ") else text)
    with pytest.raises(DefinitionErrors, match="save the file as UTF-8") as caught:
        list(read_log([log], schemas, read_mapping(SHOP_MAP, schemas)))
    assert caught.value.errors[0].line == rows + 2

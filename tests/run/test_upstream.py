"""An upgrade of Faust or aiokafka that changes what we lean on is seen before it is merged."""

import json
import re
from pathlib import Path

import pytest

from tests.run import upstream

HINT = "read what changed, adapt our code, then: python -m tests.run.upstream"


def changes() -> list[str]:
    """A line for each member whose source is not as it was read."""
    return [
        f"{member} has changed upstream; it is used in {', '.join(upstream.used(member))}; {HINT}"
        for member, known in upstream.recorded().items()
        if upstream.digest(member) != known
    ]


def test_what_we_lean_on_is_as_it_was_read() -> None:
    assert not changes(), "\n".join(changes())


def test_the_page_and_the_digests_list_the_same_members() -> None:
    assert upstream.listed() == sorted(upstream.recorded()), HINT


def test_each_listed_member_is_used() -> None:
    unused = [member for member in upstream.listed() if not upstream.used(member)]
    assert not unused, f"no longer used, take it out of {upstream.PAGE.name}: {unused}"


def test_what_we_touch_in_private_is_listed() -> None:
    listed = {member.rpartition(".")[2] for member in upstream.listed()}
    touched = {
        name
        for path in (upstream.PAGE.parent).glob("*.py")
        for line in path.read_text().splitlines()
        if "noqa: SLF001" in line
        for name in re.findall(r"\._([a-z]\w+)", line.partition("#")[0])
    }
    assert {f"_{name}" for name in touched} <= listed


def test_a_changed_source_is_named_with_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = "faust.App._new_transport"
    monkeypatch.setattr(upstream, "DIGESTS", tmp_path / "digests.json")
    upstream.DIGESTS.write_text(json.dumps({member: "of another version"}))
    (change,) = changes()
    assert change.startswith(f"{member} has changed upstream")
    assert "journey_engine/run/app.py:" in change


def test_what_is_gone_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"faust\.App has no _never_was"):
        upstream.digest("faust.App._never_was")

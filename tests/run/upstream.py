"""The members of faust-streaming and aiokafka that we override or rely on in private.

`journey_engine/run/README.md` lists them with the reason for each; `upstream.json` beside this
file holds a digest of each one's source as it was when somebody last read it.

    python -m tests.run.upstream    write the digests anew, after having read what changed
"""

import hashlib
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "journey_engine" / "run" / "README.md"
DIGESTS = Path(__file__).with_name("upstream.json")
_ROW = re.compile(r"^\| `((?:faust|aiokafka)\.[\w.]+)` \| ([^|]+) \|", re.MULTILINE)


def listed() -> list[str]:
    """What the page's table lists: `module.Class.member`."""
    return sorted(
        f"{where}.{member}"
        for where, members in _ROW.findall(PAGE.read_text())
        for member in re.findall(r"`(\w+)`", members)
    )


def recorded() -> Mapping[str, str]:
    """The digest of each member when it was last read."""
    digests: Mapping[str, str] = json.loads(DIGESTS.read_text())
    return digests


def digest(member: str) -> str:
    """Of the source of `module.Class.member` as it is installed."""
    return hashlib.sha256(source(member).encode()).hexdigest()[:16]


def source(member: str) -> str:
    """A method's or a property's source; of what an instance holds, each line that names it.

    Raises:
        LookupError: the class has no such member.
    """
    where, _, name = member.rpartition(".")
    owner = resolve_name(where)
    if owner.__module__.startswith("journey_engine."):
        owner = owner.__base__  # ours is in its place
    code = _code(inspect.getattr_static(owner, name, None))
    if code is not None:
        return inspect.getsource(code)
    named = re.compile(rf"\b{name}\b")
    for each in inspect.getmro(owner)[:-1]:
        lines = [line for line in inspect.getsource(each).splitlines() if named.search(line)]
        if lines:
            return "\n".join(lines)
    raise LookupError(f"{where} has no {name} any more")


def _code(member: Any) -> Any:
    """The function in a member, whatever it is wrapped in; None where there is none."""
    for wrapped in ("fget", "__func__", "fun"):
        member = getattr(member, wrapped, None) or member
    member = inspect.unwrap(member) if callable(member) else member
    return member if inspect.isfunction(member) else None


def used(member: str) -> list[str]:
    """Where our source names the member: `file:line`."""
    named = re.compile(rf"\b{member.rpartition('.')[2]}\b")
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "journey_engine").rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if named.search(line)
    ]


if __name__ == "__main__":
    DIGESTS.write_text(json.dumps({each: digest(each) for each in listed()}, indent=1) + "\n")

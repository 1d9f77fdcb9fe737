"""Ids that the same decision always has again (rule A6): UUIDv5 over what makes it the same."""

from hashlib import sha1
from typing import Final

from journey_engine.decide.state import Pending

NAMESPACE: Final = bytes.fromhex("6d1f0c5e3b7a5c0e9a41f2d08b6c7e15")
"""Of all command ids. It must never change."""


def uuid5(namespace: bytes, name: str) -> str:
    """The UUIDv5 of `name`, as `uuid.uuid5` gives it, at a third of its cost."""
    text = sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def command_id(life: int, customer: str, place: Pending) -> str:
    """The id of the command of a send asked for at `place`; `customer` is the state's key."""
    action = place.action if place.run == 1 else f"{place.action}#{place.run}"
    instance = f"{place.journey}/{_escaped(place.key or '')}/{place.entry_no}"
    name = f"{life}/{_escaped(customer)}/{instance}/{place.visit}/{action}/{place.attempt}"
    return uuid5(NAMESPACE, name)


def asked_by(account: str, customer: str) -> str:
    """In the place of a customer's key: who is asked by an account's journey (rule M3). So members
    of two accounts, or of another one later, never share a command.
    """
    return f"{_escaped(account)}/{_escaped(customer)}"


def decision_id(command: str, outcome: str, now: int) -> str:
    """The id of a decision about a candidate."""
    return uuid5(_bytes(command), f"{outcome}/{now}")


def raised_id(command: str, name: str) -> str:
    """The id of an event that the engine raises about a command."""
    return uuid5(_bytes(command), name)


def cancel_id(target: str) -> str:
    """The id of the command that takes `target` back."""
    return uuid5(_bytes(target), "cancel")


def message_id(of: str, what: str) -> str:
    """The id of a message that says `what` of something with an id."""
    return uuid5(_bytes(of), what)


def named_id(name: str) -> str:
    """The id of what has no command."""
    return uuid5(NAMESPACE, name)


def _bytes(uuid: str) -> bytes:
    return bytes.fromhex(uuid.replace("-", ""))


def _escaped(text: str) -> str:
    """Ids come from outside: a slash in one must not make two customers' commands the same."""
    return text.replace("%", "%25").replace("/", "%2F") if "/" in text or "%" in text else text

"""A file's text to its document; what pydantic finds wrong becomes an error with its place."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from journey_engine.define.codes import FORM_CODES
from journey_engine.define.expression_error import did_you_mean
from journey_engine.define.form import EMPTY, Form
from journey_engine.define.loader import parse_yaml
from journey_engine.define.place import Place, suggestion
from journey_engine.errors import DefinitionError, DefinitionErrors

Document = TypeVar("Document", bound=Form)

_KEY: Final = "[key]"
_EXPECTED: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("expected text", "put it in quotes"),
    "int_type": ("expected a whole number", "such as 3, without quotes"),
    "dict_type": ("expected a mapping", "such as {key: value}"),
    "list_type": ("expected a list", "such as [one, other]"),
    "model_type": ("expected a mapping", "such as {key: value}"),
    "bool_type": ("expected true or false", "without quotes"),
    "string_pattern_mismatch": (
        "not a name that may stand here",
        "a letter, then letters, digits, _ and, where nothing reads it, -; a field is Type.field",
    ),
}
_IN_BOUNDS: Final = "the language page says what may stand here"


def read_document(
    file: str, text: str, form: type[Document], errors: list[DefinitionError]
) -> tuple[Document, Place] | None:
    """The document and the place of its root; None where `errors` got more."""
    try:
        place = Place(file, parse_yaml(file, text), errors)
    except DefinitionErrors as found:
        errors.extend(found.errors)
        return None
    value = place.node.value
    if value is None and not place.node.source and not _needs_keys(form):
        value = {}  # Nothing is written in it, or comments alone.
    try:
        return form.model_validate(value), place
    except ValidationError as found:
        _report(place, found.errors(include_url=False))
        return None


def _needs_keys(form: type[Form]) -> bool:
    return any(field.is_required() for field in form.model_fields.values())


def _report(root: Place, found: Sequence[ErrorDetails]) -> None:
    explained = {
        (error["loc"][:-1], missing)
        for error in found
        if error["type"] == "unknown_key"
        for missing in _explained(error)
    }
    for error in found:
        location = error["loc"]
        if error["type"] == "unknown_key":
            _report_key(root.at(*location), str(location[-1]), _known(error))
        elif error["type"] == "missing":
            if (location[:-1], location[-1]) not in explained:
                where = root.at(*location[:-1])
                message = f"the key `{location[-1]}` is missing"
                where.key_error("MISSING_KEY", message, "it is mandatory here")
        else:
            _report_value(root.at(*location), error)


def _explained(error: ErrorDetails) -> list[str]:
    """The missing keys that are missing because this unknown one stands in their place."""
    key, known = str(error["loc"][-1]), _known(error)
    hint = suggestion(key, known)
    return [name for name in known if hint == f"did you mean `{name}`?"]


def _known(error: ErrorDetails) -> list[str]:
    return list(error.get("ctx", {}).get("known", ()))


def _report_key(place: Place, key: str, known: list[str]) -> None:
    place.key_error("UNKNOWN_KEY", f"unknown key `{key}`", suggestion(key, known))


def _report_value(place: Place, error: ErrorDetails) -> None:
    kind, message = error["type"], error["msg"]
    if error["loc"] and error["loc"][-1] == _KEY:
        name = error["loc"][-2]
        dashed = "_-]" in str(error.get("ctx", {}).get("pattern"))
        others = "digits, _ and -" if dashed else "digits and _, since expressions read it"
        hint = f"a letter, then letters, {others}"
        place.key_error("BAD_NAME", f"`{name}` is not a name", hint)
    elif kind.upper() in FORM_CODES:
        # Forms write what is wrong, a colon, and what to do.
        wrong, _, hint = message.partition(": ")
        place.error(kind.upper(), wrong, hint)
    elif kind == EMPTY:
        place.key_error("BAD_VALUE", "the key says nothing", "write its value, or leave it out")
    elif kind in _EXPECTED:
        place.error("BAD_VALUE", *_EXPECTED[kind])
    else:
        near = did_you_mean(str(error["input"]), _allowed(error))
        place.error("BAD_VALUE", message[:1].lower() + message[1:], near or _IN_BOUNDS)


def _allowed(error: ErrorDetails) -> list[str]:
    """The words of which one may stand there."""
    return re.findall(r"'([^']+)'", str(error.get("ctx", {}).get("expected", "")))

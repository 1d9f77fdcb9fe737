"""YAML text to plain data that knows where each value stands (rule F1).

Only the core types of YAML 1.2 exist: `on`, `no`, `22:00` and `2027-07-15` are text. What makes a
definition hard to read or lets two readers disagree (duplicate keys, anchors, aliases, tags,
directives, several documents) is an error. Lines and columns count from 1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from journey_engine.errors import DefinitionError, DefinitionErrors

FILE_BYTES_MAX: Final = 256 * 1024
"""Largest definition file, in bytes of UTF-8."""
NESTING_MAX: Final = 24
"""Deepest nesting of mappings and lists in a definition file."""
NUMBER_CHARACTERS_MAX: Final = 40

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_FLOAT_WORD = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_ESCAPE = re.compile(r"\\(?:x.{2}|u.{4}|U.{8}|\r?\n[ \t]*|.)", re.DOTALL)

Scalar = bool | int | float | str | None
Data = Scalar | list["Data"] | dict[str, "Data"]
"""Plain data as YAML's core types give it."""


class _Mark(Protocol):
    """A place in the text; `line` and `column` count from 0."""

    line: int
    column: int
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value and where it stands; `key_line`/`key_column` where its key stands, if it has one.

    `source` is the text of a scalar as written, quotes included, `style` its quote or block mark.
    """

    value: Data
    line: int
    column: int
    children: Mapping[str | int, "Node"] = field(default_factory=dict)
    key_line: int = 0
    key_column: int = 0
    source: str = ""
    style: str = ""

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column in the file of the character `offset` of this text value."""
        at = _source_index(self, offset)
        before = self.source[:at]
        newlines = before.count("\n")
        if newlines == 0:
            return self.line, self.column + at
        return self.line + newlines, at - before.rfind("\n")


def decode_text(path: str, data: bytes) -> str:
    """The text of a definition file.

    Raises:
        DefinitionErrors: it is not UTF-8 (`NOT_UTF8`).
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = data[: error.start]
        line = good.count(b"\n") + 1
        column = len(good[good.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        hint = "save the file as UTF-8"
        raise DefinitionErrors(
            [DefinitionError(path, line, column, "NOT_UTF8", message, hint)]
        ) from None


def parse_yaml(path: str, text: str) -> Node:
    """Read one definition file.

    Raises:
        DefinitionErrors: all that rule F1 forbids, or the first place where it is not YAML.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > FILE_BYTES_MAX:
        message = f"the file has {size} bytes, more than {FILE_BYTES_MAX}"
        raise DefinitionErrors(
            [DefinitionError(path, 1, 1, "FILE_TOO_LARGE", message, "split it into several files")]
        )
    composer = _Composer(path, text)
    node = composer.compose()
    if composer.errors:
        raise DefinitionErrors(composer.errors)
    return node


class _Composer:
    """Builds nodes from the parser's events and collects what rule F1 forbids."""

    def __init__(self, path: str, text: str) -> None:
        self.errors: list[DefinitionError] = []
        self._path = path
        self._text = text

    def compose(self) -> Node:
        events: Iterator[Event] = iter(YAML(typ="safe", pure=True).parse(self._text))
        try:
            return self._document(events)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = str(error.problem or error.context)
            hint = "quote text that holds `: `, `#` or tabs"
            if problem.startswith("expected ',' or"):
                hint = "between braces or brackets quote text that holds `,`, `[`, `{` or `: `"
            self._report(mark, "YAML_SYNTAX", problem, hint)
        except YAMLError as error:
            problem = str(error).splitlines()[0]
            place = getattr(error, "position", 0)
            line, column = _line_column(self._text, place if isinstance(place, int) else 0)
            self.errors.append(
                DefinitionError(
                    self._path, line, column, "YAML_SYNTAX", problem, "remove the character"
                )
            )
        raise DefinitionErrors(self.errors)

    def _document(self, events: Iterator[Event]) -> Node:
        next(events)
        start = next(events)
        if isinstance(start, StreamEndEvent):
            return Node(None, 1, 1)
        self._check_document(start)
        root = self._node(next(events), events, 0)
        for event in events:
            if isinstance(event, DocumentStartEvent):
                message = "a second document begins here; a file holds one"
                self._report(event.start_mark, "YAML_DOCUMENTS", message, "make it a file")
                break
            if not isinstance(event, DocumentEndEvent | StreamEndEvent):
                break
        return root

    def _check_document(self, start: Event) -> None:
        if getattr(start, "version", None) or getattr(start, "tags", None):
            message = "directives are not allowed; files are YAML 1.2"
            self._report(start.start_mark, "YAML_DIRECTIVE", message, "remove the line")

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        mark: _Mark = event.start_mark
        if depth > NESTING_MAX:
            message = f"nested deeper than {NESTING_MAX} levels"
            self._report(mark, "NESTED_TOO_DEEP", message, "no definition is so deep")
            raise DefinitionErrors(self.errors)
        if isinstance(event, AliasEvent):
            self._report(mark, "YAML_ALIAS", "aliases are not allowed", "write the value out")
            return Node(None, mark.line + 1, mark.column + 1)
        self._check_properties(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, events, depth)
        return self._mapping(event, events, depth)

    def _check_properties(self, event: Event) -> None:
        if getattr(event, "anchor", None):
            message = "anchors are not allowed"
            self._report(event.start_mark, "YAML_ANCHOR", message, "write the value out")
        if tag := getattr(event, "tag", None):
            message = f"the tag {tag} is not allowed"
            self._report(event.start_mark, "YAML_TAG", message, "quote a value that must be text")

    def _scalar(self, event: ScalarEvent) -> Node:
        mark: _Mark = event.start_mark
        value: Scalar = event.value
        if event.style is None and event.tag is None:
            value = self._resolve(event.value, mark)
        source = self._text[mark.index : event.end_mark.index]
        return Node(value, mark.line + 1, mark.column + 1, source=source, style=event.style or "")

    def _resolve(self, text: str, mark: _Mark) -> Scalar:
        value = resolve_plain(text)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and len(text) > NUMBER_CHARACTERS_MAX:
            self._report(mark, "NUMBER_TOO_LONG", "a number of so many digits", "quote it")
            return text
        return value

    def _sequence(self, start: Event, events: Iterator[Event], depth: int) -> Node:
        children: dict[str | int, Node] = {}
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            children[len(children)] = self._node(event, events, depth + 1)
        mark: _Mark = start.start_mark
        values = [child.value for child in children.values()]
        return Node(values, mark.line + 1, mark.column + 1, children)

    def _mapping(self, start: Event, events: Iterator[Event], depth: int) -> Node:
        children: dict[str | int, Node] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            name = self._key(key)
            if name in children:
                first = children[name].key_line
                message = f"the key `{name}` stands here twice, first on line {first}"
                self._report(event.start_mark, "DUPLICATE_KEY", message, "keep one of them")
            elif name is not None:
                children[name] = replace(value, key_line=key.line, key_column=key.column)
        mark: _Mark = start.start_mark
        values = {str(name): child.value for name, child in children.items()}
        return Node(values, mark.line + 1, mark.column + 1, children)

    def _key(self, key: Node) -> str | None:
        if isinstance(key.value, str):
            return key.value
        self.errors.append(
            DefinitionError(
                self._path, key.line, key.column, "KEY_NOT_TEXT", "a key is text", "quote it"
            )
        )
        return None

    def _report(self, mark: _Mark | None, code: str, message: str, hint: str = "") -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.errors.append(DefinitionError(self._path, line, column, code, message, hint))


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted scalar under YAML 1.2's core schema."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    return _number(text)


def _number(text: str) -> int | float | str:
    # A number too long to be meant as one is refused by the caller; do not spend time on it.
    short = text[: NUMBER_CHARACTERS_MAX + 1]
    if _INT.fullmatch(text):
        return int(short)
    if _OCTAL.fullmatch(text):
        return int(short, 0)
    if _HEX.fullmatch(text):
        return int(short, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _FLOAT_WORD.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def _source_index(node: Node, offset: int) -> int:
    """Where in `node.source` the character `offset` of its text stands.

    The text and its source are walked side by side; YAML's folding only changes white space.
    """
    source, text = node.source, str(node.value)
    at = _content_start(node)
    for character in text[:offset]:
        at = _skip_to(source, at, character, node.style)
        at += _width(source, at, node.style)
    if offset < len(text):
        at = _skip_to(source, at, text[offset], node.style)
    return min(at, len(source))


def _content_start(node: Node) -> int:
    if node.style in {"|", ">"}:
        return node.source.find("\n") + 1
    return 1 if node.style else 0


def _skip_to(source: str, at: int, character: str, style: str) -> int:
    """Pass over white space that is in the source only."""
    if style == '"' and source.startswith("\\", at):
        return at
    if character in " \n":
        # Folding made one character of a line break; its indentation is passed over next.
        return at
    while at < len(source) and source[at] in " \t\r\n":
        at += 1
    return at


def _width(source: str, at: int, style: str) -> int:
    if style == "'" and source.startswith("''", at):
        return 2
    if style == '"' and (escape := _ESCAPE.match(source, at)):
        return len(escape.group())
    return 1


def _line_column(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")

"""The checked tree of a CEL expression.

CEL's checker gives its result as a serialised `cel.expr.CheckedExpr`. No package ships these
public messages for Python, so the few fields read here are declared below with their published
numbers; protobuf keeps what is not declared aside, and a node of another form is an `Other`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

ACCOUNT = "account."
"""With this begins what an account's journey reads of its account (rule M3)."""

_FieldProto = descriptor_pb2.FieldDescriptorProto
_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
_WELL_KNOWN = {1: "dyn", 2: "timestamp", 3: "duration"}
_LITERALS = ("bool_value", "int64_value", "double_value", "string_value")


@dataclass(frozen=True, slots=True)
class Const:
    """A literal; `offset` counts code points from 0, as in every node."""

    offset: int
    kind: str
    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Ident:
    """A variable, by its declared name (which may hold dots)."""

    offset: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or `has(operand.field)` where `test`; `offset` is the dot's."""

    offset: int
    kind: str
    operand: "Node"
    field: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function; `overload` is the one the types chose, the first where an operand of
    no known type leaves several.

    A member call's target is its first argument. `offset` is the operator's or the parenthesis'.
    """

    offset: int
    kind: str
    function: str
    overload: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list literal."""

    offset: int
    kind: str
    elements: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Other:
    """A map, a message, a comprehension, or a literal of a type that is not supported."""

    offset: int
    kind: str


Node = Const | Ident | Select | Call | ListOf | Other


def read(serialized: bytes, text: str) -> Node:
    """The tree in the bytes of `Expression.serialize()`, of the expression `text`.

    A node's `kind` is `bool int double string timestamp duration null`, `list<...>`,
    `message:<full name>` or the name of a type that closures do not support.
    """
    wrapped = any_pb2.Any.FromString(serialized)
    return _Reader(_CHECKED_EXPR.FromString(wrapped.value), text).node()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    below: tuple[Node, ...] = ()
    if isinstance(node, Select):
        below = (node.operand,)
    elif isinstance(node, Call):
        below = node.arguments
    elif isinstance(node, ListOf):
        below = node.elements
    for child in below:
        yield from walk(child)


class _Reader:
    def __init__(self, checked: Any, text: str) -> None:  # noqa: ANN401 - a message class made at run time
        self._text = text
        self._root = checked.expr
        self._types = {entry.key: entry.value for entry in checked.type_map}
        self._references = {entry.key: entry.value for entry in checked.reference_map}
        self._offsets = {e.key: e.value for e in checked.source_info.positions}

    def node(self) -> Node:
        return self._node(self._root)

    def _node(self, expr: Any) -> Node:  # noqa: ANN401 - as above
        offset: int = self._offsets[expr.id]
        kind = _kind(self._types[expr.id])
        reference = self._references.get(expr.id)
        form = expr.WhichOneof("expr_kind")
        if reference is not None and form in {"ident_expr", "select_expr"}:
            return self._variable(offset, kind, reference.name)
        if form == "const_expr":
            return _literal(offset, kind, expr.const_expr)
        if form == "select_expr":
            select = expr.select_expr
            return Select(offset, kind, self._node(select.operand), select.field, select.test_only)
        if form == "call_expr":
            call = expr.call_expr
            arguments = [call.target] if call.HasField("target") else []
            overload = "" if reference is None else reference.overload_id[0]
            return Call(
                offset,
                kind,
                call.function,
                overload,
                tuple(self._node(argument) for argument in [*arguments, *call.args]),
            )
        if form == "list_expr":
            elements = tuple(self._node(element) for element in expr.list_expr.elements)
            return ListOf(offset, kind, elements)
        return Other(offset, kind)

    def _variable(self, offset: int, kind: str, name: str) -> Node:
        if self._text[offset] == "(":
            # Of has() the checker leaves its place alone: what has a dotted name is always there.
            return Const(offset, kind, value=True)
        # What is read of an account is of the state that is decided, as of a customer.
        return Ident(offset, kind, name.removeprefix(ACCOUNT))


def _literal(offset: int, kind: str, constant: Any) -> Node:  # noqa: ANN401 - as above
    form = constant.WhichOneof("constant_kind")
    if form == "null_value":
        return Const(offset, kind, None)
    return (
        Const(offset, kind, getattr(constant, form)) if form in _LITERALS else Other(offset, kind)
    )


def _kind(declared: Any) -> str:  # noqa: ANN401 - as above
    match declared.WhichOneof("type_kind"):
        case "null" | "dyn" as form:
            return str(form)
        case "primitive" | "wrapper" as form:
            return _PRIMITIVES.get(getattr(declared, form), "other")
        case "well_known":
            return _WELL_KNOWN.get(declared.well_known, "other")
        case "list_type":
            return f"list<{_kind(declared.list_type.elem_type)}>"
        case "message_type":
            return f"message:{declared.message_type}"
    return "other"


_BOOL, _INT32, _INT64 = _FieldProto.TYPE_BOOL, _FieldProto.TYPE_INT32, _FieldProto.TYPE_INT64
_DOUBLE, _STRING = _FieldProto.TYPE_DOUBLE, _FieldProto.TYPE_STRING
_MESSAGES: Mapping[str, tuple[tuple[str, int, int | str, str], ...]] = {
    # message: (field, number, scalar type or message, "" | "many" | name of its oneof)
    "Constant": (
        ("null_value", 1, _INT32, "constant_kind"),
        ("bool_value", 2, _BOOL, "constant_kind"),
        ("int64_value", 3, _INT64, "constant_kind"),
        ("double_value", 5, _DOUBLE, "constant_kind"),
        ("string_value", 6, _STRING, "constant_kind"),
    ),
    "Ident": (("name", 1, _STRING, ""),),
    "Select": (("operand", 1, "Expr", ""), ("field", 2, _STRING, ""), ("test_only", 3, _BOOL, "")),
    "Call": (("target", 1, "Expr", ""), ("function", 2, _STRING, ""), ("args", 3, "Expr", "many")),
    "CreateList": (("elements", 1, "Expr", "many"),),
    "Expr": (
        ("id", 2, _INT64, ""),
        ("const_expr", 3, "Constant", "expr_kind"),
        ("ident_expr", 4, "Ident", "expr_kind"),
        ("select_expr", 5, "Select", "expr_kind"),
        ("call_expr", 6, "Call", "expr_kind"),
        ("list_expr", 7, "CreateList", "expr_kind"),
    ),
    "Empty": (),
    "ListType": (("elem_type", 1, "Type", ""),),
    "Type": (
        ("dyn", 1, "Empty", "type_kind"),
        ("null", 2, _INT32, "type_kind"),
        ("primitive", 3, _INT32, "type_kind"),
        ("wrapper", 4, _INT32, "type_kind"),
        ("well_known", 5, _INT32, "type_kind"),
        ("list_type", 6, "ListType", "type_kind"),
        ("message_type", 9, _STRING, "type_kind"),
    ),
    "Reference": (("name", 1, _STRING, ""), ("overload_id", 3, _STRING, "many")),
    # On the wire a map is its entries, repeated.
    "ReferenceEntry": (("key", 1, _INT64, ""), ("value", 2, "Reference", "")),
    "TypeEntry": (("key", 1, _INT64, ""), ("value", 2, "Type", "")),
    "PositionEntry": (("key", 1, _INT64, ""), ("value", 2, _INT32, "")),
    "SourceInfo": (("positions", 4, "PositionEntry", "many"),),
    "CheckedExpr": (
        ("reference_map", 2, "ReferenceEntry", "many"),
        ("type_map", 3, "TypeEntry", "many"),
        ("expr", 4, "Expr", ""),
        ("source_info", 5, "SourceInfo", ""),
    ),
}


def _message_class(name: str) -> Any:  # noqa: ANN401 - a message class made at run time
    package = "journey.checked"
    file = descriptor_pb2.FileDescriptorProto(
        name="journey/checked.proto", package=package, syntax="proto2"
    )
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        oneofs: dict[str, int] = {}
        for field, number, of, role in fields:
            added = described.field.add(name=field, number=number)
            many = role == "many"
            added.label = _FieldProto.LABEL_REPEATED if many else _FieldProto.LABEL_OPTIONAL
            if isinstance(of, str):
                added.type, added.type_name = _FieldProto.TYPE_MESSAGE, f".{package}.{of}"
            else:
                added.type = _FieldProto.Type.ValueType(of)
            if role and not many:
                added.oneof_index = oneofs.setdefault(role, len(oneofs))
        for oneof in oneofs:
            described.oneof_decl.add(name=oneof)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


_CHECKED_EXPR = _message_class("CheckedExpr")

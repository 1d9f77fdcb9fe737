"""What an expression may read, as protobuf messages that CEL's checker understands.

A field that may be null becomes a wrapper message, so that `== null` and `has` mean what an
author expects. A nullable timestamp or duration has no wrapper; the closures know of its nulls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cel_expr_python import cel
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    timestamp_pb2,
    wrappers_pb2,
)

from journey_engine.define.checked import ACCOUNT

_FieldProto = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "journey"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCALARS = {
    "bool": (_FieldProto.TYPE_BOOL, "google.protobuf.BoolValue"),
    "int": (_FieldProto.TYPE_INT64, "google.protobuf.Int64Value"),
    "double": (_FieldProto.TYPE_DOUBLE, "google.protobuf.DoubleValue"),
    "string": (_FieldProto.TYPE_STRING, "google.protobuf.StringValue"),
}
_TIMES = {"timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration"}


class Readable(Protocol):
    """A field of an event schema."""

    @property
    def kind(self) -> str:
        """As in `Attribute`, or a kind that expressions cannot read."""
        ...

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""
        ...


class EventType(Protocol):
    """An event schema."""

    @property
    def fields(self) -> Mapping[str, Readable]:
        """Its fields by name."""
        ...


class Catalogue(Protocol):
    """The event schemas that expressions are checked against."""

    @property
    def events(self) -> Mapping[str, EventType]:
        """The newest version of each type."""
        ...


@dataclass(frozen=True)
class FeatureType:
    """A feature's kind (as in `Attribute`); `members` are the kinds of a `first` or `last` with
    `fields`, `at` among them, and each of them may be null.
    """

    kind: str
    nullable: bool
    members: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Declared:
    """The names an expression may use, in one journey or in one file (rule I8).

    Traits and context map to kinds; each of them may be null. A trait's kind is an Avro kind, a
    context field's that of the expression remembered.
    """

    traits: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, FeatureType] = field(default_factory=dict)
    journeys: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    milestones: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    sends: frozenset[str] | None = None
    """The ids that `event.send` can have; None where any journey's may come."""
    of_account: bool = False
    """Whether the journey is an account's (rule M3): then there are no traits, and features are
    read as `account.features`.
    """
    live: bool = True
    """Whether there is an instance: on entry there is none yet."""
    event_alone: bool = False
    """Whether nothing is read but the event: not the time, nor what is known of the customer."""


@dataclass(frozen=True)
class Attribute:
    """A field that can be read: `bool int double string timestamp duration`, a `list<...>` of
    these, or `message:<full name>`.
    """

    kind: str
    nullable: bool


MISSING = "missing"
"""`milestones.missing`: the names of those not reached (rule I5)."""
MEMBERS = "members"
"""`instance.members`: the customers of an account (rule M3)."""
_TIME = Attribute("timestamp", nullable=False)
_MEMBERS = Attribute("list<string>", nullable=False)
_OF_CUSTOMERS = frozenset({"consent", "reachable", "changed"})
"""Functions of what is known of one customer."""


@dataclass(frozen=True)
class Record:
    """A message that can be read; `label` is how an author writes it.

    `refused` says for a name that exists why it cannot be read.
    """

    label: str
    fields: Mapping[str, Attribute]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Vocabulary:
    """All that one expression may read: messages by full name, and variables by dotted name."""

    records: Mapping[str, Record]
    variables: Mapping[str, str]
    refused: frozenset[str] = frozenset()
    """The functions and variables that there are not."""

    def kind(self, root: str, name: str) -> str:
        """Of a field of a root, such as `event`."""
        return self.records[f"{_PACKAGE}.{root}"].fields[name].kind


def vocabulary(schemas: Catalogue, declared: Declared, event_types: tuple[str, ...]) -> Vocabulary:
    """What may be read in an expression that is evaluated for any of the event types."""
    instance = {**_nullable(declared.context), "entered_at": _TIME}
    if declared.of_account:
        instance[MEMBERS] = _MEMBERS
    records = {
        "customer": _record("customer", _nullable(declared.traits)),
        "instance": _lived("instance", instance, declared),
        "stage": _lived("stage", {"entered_at": _TIME}, declared),
        "features": _record("features", _features(declared.features)),
        "milestones": _record("milestones", _milestones(declared.milestones)),
    }
    variables = {root: f"message:{_PACKAGE}.{root}" for root in records}
    refused = _OF_CUSTOMERS if declared.of_account else frozenset[str]()
    if declared.event_alone:
        refused = _OF_CUSTOMERS | {"in_journey", "now"}
    else:
        variables["now"] = "timestamp"
    features = "features"
    if declared.of_account:
        features = f"{ACCOUNT}features"
        records["features"] = _record(features, _features(declared.features))
        variables[features] = variables.pop("features")
        del variables["customer"]
    records["visits"] = _record("stage(...)", {"visits": Attribute("int", nullable=False)})
    for name in records["features"].fields:
        feature = declared.features[name]
        variables[f"{features}.{name}.complete"] = "bool"
        if feature.members is not None:
            label = f"{features}.{name}"
            records[f"feature_{name}"] = _record(label, _nullable(feature.members))
    if event_types:
        records["event"] = _event(schemas, event_types)
        variables["event"] = f"message:{_PACKAGE}.event"
    return Vocabulary({f"{_PACKAGE}.{name}": r for name, r in records.items()}, variables, refused)


def messages(words: Vocabulary) -> descriptor_pool.DescriptorPool:
    """The vocabulary's records as protobuf messages."""
    known = (wrappers_pb2, timestamp_pb2, duration_pb2)
    file = descriptor_pb2.FileDescriptorProto(
        name="journey/scope.proto",
        package=_PACKAGE,
        syntax="proto2",  # explicit presence: `has` of a zero is true
        dependency=[module.DESCRIPTOR.name for module in known],
    )
    for full_name, record in words.records.items():
        message = file.message_type.add(name=full_name.removeprefix(f"{_PACKAGE}."))
        # Without it, CEL writes to stderr that names differ by no more than `_` and case.
        message.options.deprecated_legacy_json_field_conflicts = True
        for number, (name, attribute) in enumerate(record.fields.items(), start=1):
            _add_field(message, number, name, attribute)
    pool = descriptor_pool.DescriptorPool()
    for module in known:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool


def checker(words: Vocabulary, pool: descriptor_pool.DescriptorPool) -> cel.Env:
    """The CEL environment in which expressions over the vocabulary are checked."""
    text, flag = cel.Type.STRING, cel.Type.BOOL
    visits = cel.Type(f"{_PACKAGE}.visits")
    functions = {
        "consent": (flag, [text, text]),
        "reachable": (flag, [text]),
        "changed": (flag, [text]),
        "in_journey": (flag, [text]),
        "stage": (visits, [text]),
    }
    return cel.NewEnv(
        descriptor_pool=pool,
        variables={name: _cel_type(kind) for name, kind in words.variables.items()},
        functions=[
            cel.FunctionDecl(name, [cel.Overload(name, result, parameters, is_member=False)])
            for name, (result, parameters) in functions.items()
            if name not in words.refused
        ],
    )


def _record(label: str, fields: Mapping[str, Attribute]) -> Record:
    return Record(
        label,
        {name: a for name, a in fields.items() if _unreadable(name, a.kind) is None},
        {n: reason for n, a in fields.items() if (reason := _unreadable(n, a.kind)) is not None},
    )


def _lived(label: str, fields: Mapping[str, Attribute], declared: Declared) -> Record:
    if declared.live:
        return _record(label, fields)
    return Record(label, {}, dict.fromkeys(fields, "nobody has entered yet"))


def _unreadable(name: str, kind: str) -> str | None:
    if not _IDENTIFIER.match(name):
        return "its name is not an identifier"
    element = kind.removeprefix("list<").removesuffix(">")
    if kind.startswith("message:") or element in _SCALARS or element in _TIMES:
        return None
    return f"expressions cannot read type {kind}"


def _milestones(names: frozenset[str]) -> dict[str, Attribute]:
    reached = {name: Attribute("bool", nullable=False) for name in sorted(names)}
    return {**reached, MISSING: Attribute("list<string>", nullable=False)} if names else {}


def _nullable(kinds: Mapping[str, str]) -> dict[str, Attribute]:
    return {name: Attribute(kind, nullable=True) for name, kind in kinds.items()}


def _features(features: Mapping[str, FeatureType]) -> dict[str, Attribute]:
    return {
        name: Attribute(feature.kind, feature.nullable)
        if feature.members is None
        else Attribute(f"message:{_PACKAGE}.feature_{name}", nullable=True)
        for name, feature in features.items()
    }


def _event(schemas: Catalogue, event_types: tuple[str, ...]) -> Record:
    """The fields that all the types have with one kind; nullable where one of them is."""
    types = {name: _event_fields(schemas.events[name]) for name in event_types}
    shared: dict[str, Attribute] = {}
    refused: dict[str, str] = {}
    for name in {name for fields in types.values() for name in fields}:
        found = {of: fields[name] for of, fields in types.items() if name in fields}
        kinds = {attribute.kind for attribute in found.values()}
        if len(found) < len(types):
            missing = ", ".join(of for of in types if of not in found)
            refused[name] = f"{missing} does not have it"
        elif len(kinds) > 1:
            refused[name] = "it is " + ", ".join(f"{a.kind} in {of}" for of, a in found.items())
        else:
            shared[name] = Attribute(kinds.pop(), any(a.nullable for a in found.values()))
    record = _record("event", dict(sorted(shared.items())))
    return Record("event", record.fields, {**record.refused, **refused})


def _event_fields(event: EventType) -> dict[str, Attribute]:
    fields = {name: Attribute(f.kind, f.nullable) for name, f in event.fields.items()}
    if "command_id" in fields:
        # Feedback also names the send whose command it answers (rule I2).
        fields["send"] = Attribute("string", nullable=False)
    return fields


def _add_field(
    message: descriptor_pb2.DescriptorProto, number: int, name: str, attribute: Attribute
) -> None:
    many = attribute.kind.startswith("list<")
    kind = attribute.kind.removeprefix("list<").removesuffix(">")
    # The JSON name left out is the name in camel case: `cart_id` and `cartId` would be one field.
    added = message.field.add(name=name, number=number, json_name=name)
    added.label = _FieldProto.LABEL_REPEATED if many else _FieldProto.LABEL_OPTIONAL
    scalar, wrapper = _SCALARS.get(kind, (None, ""))
    if scalar is not None and (many or not attribute.nullable):
        added.type = scalar
        return
    added.type = _FieldProto.TYPE_MESSAGE
    added.type_name = f".{wrapper or _TIMES.get(kind) or kind.removeprefix('message:')}"


def _cel_type(kind: str) -> cel.Type:
    if kind.startswith("message:"):
        return cel.Type(kind.removeprefix("message:"))
    return cel.Type.BOOL if kind == "bool" else cel.Type.TIMESTAMP

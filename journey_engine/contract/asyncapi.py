"""The AsyncAPI 3 document of the topics: who sends what where, in which form.

Made from the topics, the channels and the schemas; the examples are the golden messages. An
operation's tag says whose it is, so that one document serves the engine's side and the clients'.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from journey_engine.contract.channels import Company
from journey_engine.contract.golden import TRACEPARENT, Golden
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.topics import TopicSpec
from journey_engine.encode.command import LINK_HEADER
from journey_engine.encode.deadletter import PREFIX
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import AvroSchema

VERSION: Final = "3.0.0"
AVRO: Final = "application/vnd.apache.avro;version=1.9.0"
KAFKA_BINDING: Final = "0.5.0"
MEDIA_TYPE: Final = "application/avro"
ENGINE, PUBLISHER, SENDER, ANALYTICS = "engine", "publisher", "sender", "analytics"
_OUTPUTS: Final = {"transitions": "Transition", "decisions": "SendDecision"}
_TAGS: Final = {
    ENGINE: "What the engine itself does.",
    PUBLISHER: "What the service of a channel does that tells of events.",
    SENDER: "What the service of a channel does that carries out commands.",
    ANALYTICS: "What reports and audits do.",
}
_ABOUT: Final = """\
Events of the channels in, commands to the channels out. A record's key is the customer's id, else
the visitor's, in UTF-8, and its partition is murmur2 of the key (librdkafka:
`partitioner=murmur2_random`). A value is Avro's single-object encoding: `C3 01`, the 8 bytes of
`x-fingerprint` as they stand there, the Avro body. Times are milliseconds since the epoch.
Golden messages, in bytes, are written by `journey-engine channel golden`.
"""

_ORDER: Final = ("name", "namespace", "type", "logicalType", "doc", "default", "pii", "fields")
"""Of the keys of a schema."""

Document = dict[str, Any]


def asyncapi_document(
    company: Company, golden: Iterable[Golden], *, prefix: str, group: str, version: str
) -> Document:
    """The document of these topics, each with the operator's prefix before its name.

    `group` is the engine's consumer group, `version` that of this project.
    """
    return _Maker(company, golden, prefix, group).document(version)


def asyncapi_text(document: Document) -> str:
    """The document in YAML."""
    yaml = YAML()
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _: True
    about = document["info"]["description"]
    info = document["info"] | {"description": LiteralScalarString(about)}
    text = io.StringIO()
    yaml.dump(document | {"info": info}, text)
    return text.getvalue()


class _Maker:
    def __init__(self, company: Company, golden: Iterable[Golden], prefix: str, group: str) -> None:
        self._company = company
        self._prefix = prefix
        self._group = group
        self._examples: dict[str, Golden] = {}
        for each in golden:
            if each.schema is not None and each.refused is None:
                self._examples.setdefault(each.schema, each)

    def document(self, version: str) -> Document:
        return {
            "asyncapi": VERSION,
            "info": {
                "title": "journey-engine",
                "version": version,
                "description": _ABOUT,
                "license": {"name": "Apache-2.0"},
                "tags": [{"name": name, "description": said} for name, said in _TAGS.items()],
            },
            "defaultContentType": MEDIA_TYPE,
            "servers": {"kafka": _SERVER},
            "channels": self._channels(),
            "operations": self._operations(),
            "components": {"messages": self._messages(), "messageTraits": _TRAITS},
        }

    def _channels(self) -> Document:
        topics, events = self._company.topics, self._company.published
        channels = {
            "interactions": self._parameterised(
                topics.inputs,
                "interactions.{channel}.v1",
                "What customers do on a channel, and what becomes of its commands.",
                events,
            ),
            "commands": self._parameterised(
                topics.commands,
                "commands.{channel}.v1",
                "What a channel is asked to do.",
                ["Command"],
            ),
        }
        for key, said in (
            ("transitions", "Every entry, stage change, milestone and end."),
            ("decisions", "What became of every action that was asked for, and why."),
            ("deadletters", "Records that were refused, as they came."),
        ):
            spec = topics.outputs[key]
            message = _OUTPUTS.get(key, "DeadLetter")
            channels[key] = {
                "address": self._prefix + spec.name,
                "description": said,
                "messages": {message: _ref("components", "messages", message)},
                "bindings": {"kafka": _channel_binding(spec)},
            }
        return channels

    def _parameterised(
        self, specs: Mapping[str, TopicSpec], address: str, said: str, messages: Iterable[str]
    ) -> Document:
        """One channel for the topics of a section; those that are not as the first are told."""
        first = _channel_binding(next(iter(specs.values())))
        others = {
            spec.name: binding
            for spec in specs.values()
            if (binding := _channel_binding(spec)) != first
        }
        channel = {
            "address": self._prefix + address,
            "description": said,
            "parameters": {"channel": {"enum": list(specs), "description": "The channel."}},
            "messages": {name: _ref("components", "messages", name) for name in messages},
            "bindings": {"kafka": first},
        }
        return channel | {"x-bindings-of-topics": others} if others else channel

    def _operations(self) -> Document:
        answers = sorted({each for action in ActionKind for each in self._company.answers(action)})
        group = {"groupId": {"type": "string", "enum": [self._group]}}
        bindings = {"kafka": group | {"bindingVersion": KAFKA_BINDING}}
        take = _operation("receive", "interactions", ENGINE, "Reads every event.")
        reply = {"channel": _ref("channels", "interactions"), "messages": _in_channel(answers)}
        carry = _operation("receive", "commands", SENDER, _CARRY)
        return {
            "publishEvent": _operation("send", "interactions", PUBLISHER, "Tells of an event."),
            "takeEvent": take | {"bindings": bindings},
            "sendCommand": _operation("send", "commands", ENGINE, "Asks a channel to act.")
            | ({"reply": reply} if answers else {}),
            "takeCommand": carry | ({"reply": reply} if answers else {}),
            "writeTransition": _operation("send", "transitions", ENGINE, "Tells of a change."),
            "readTransition": _operation("receive", "transitions", ANALYTICS, "Reports on them."),
            "writeDecision": _operation("send", "decisions", ENGINE, "Tells what was decided."),
            "readDecision": _operation("receive", "decisions", ANALYTICS, "Audits them."),
            "writeDeadLetter": _operation("send", "deadletters", ENGINE, "Puts a record aside."),
            "readDeadLetter": _operation("receive", "deadletters", PUBLISHER, _REFUSED),
        }

    def _messages(self) -> Document:
        schemas = self._company.schemas
        messages = {}
        for name in self._company.published:
            event = schemas.events[name]
            where = f"events/{name}/{event.version}.avsc"
            messages[name] = self._message(name, event.parsed, event.fingerprint, where, "event")
            if event.version > 1:
                messages[name]["x-versions"] = event.version
        for name, (parsed, fingerprint) in sorted(schemas.records.items()):
            trait = "command" if name == "Command" else "record"
            messages[name] = self._message(name, parsed, fingerprint, f"{name}.avsc", trait)
        return messages | {"DeadLetter": _DEAD_LETTER}

    def _message(
        self, name: str, parsed: AvroSchema, fingerprint: bytes, where: str, trait: str
    ) -> Document:
        message: Document = {
            "name": name,
            "summary": parsed.get("doc", name),
            "contentType": MEDIA_TYPE,
            "traits": [_ref("components", "messageTraits", trait)],
            "payload": {"schemaFormat": AVRO, "schema": _named(_own(parsed))},
            "x-schema": where,
            "x-fingerprint": fingerprint.hex(),
        }
        example = self._examples.get(where)
        if example is not None:
            message["examples"] = [_example(example)]
        return message


def _example(golden: Golden) -> Document:
    headers = {name: (content or b"").decode() for name, content in golden.headers}
    said = {"name": golden.name.rpartition("/")[2], "summary": golden.about}
    return said | {"headers": headers, "payload": dict(golden.fields or {})}


def _own(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Without the marks of the library that parsed it, and a copy: a dumper would make aliases."""
    if isinstance(value, dict):
        return {name: _own(each) for name, each in value.items() if not name.startswith("__")}
    return [_own(each) for each in value] if isinstance(value, list) else value


def _named(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """With names and namespaces apart, as AsyncAPI's own schema of Avro wants them, and the keys
    in an order of ours: the library's differs from run to run.
    """
    if isinstance(schema, list):
        return [_named(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _named(each) for name, each in schema.items()}
    if schema.get("type") in ("record", "enum", "fixed"):
        parts["namespace"], _, parts["name"] = schema["name"].rpartition(".")
    rest = sorted(parts.keys() - set(_ORDER))
    return {name: parts[name] for name in (*_ORDER, *rest) if name in parts}


def _channel_binding(spec: TopicSpec) -> Document:
    configuration: Document = {"cleanup.policy": [spec.cleanup]}
    if spec.cleanup == "delete":
        configuration["retention.ms"] = spec.retention
    configuration["max.message.bytes"] = spec.max_bytes
    return {
        "partitions": spec.partitions,
        "replicas": spec.replication,
        "topicConfiguration": configuration,
        "bindingVersion": KAFKA_BINDING,
    }


def _operation(action: str, channel: str, whose: str, said: str) -> Document:
    return {
        "action": action,
        "channel": _ref("channels", channel),
        "summary": said,
        "tags": [{"name": whose}],
    }


def _in_channel(messages: Iterable[str]) -> list[Document]:
    return [_ref("channels", "interactions", "messages", name) for name in messages]


def _ref(*path: str) -> Document:
    return {"$ref": "/".join(("#", *path))}


_TRACE: Final = {
    "type": "string",
    "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    "description": "The W3C trace context.",
    "examples": [TRACEPARENT],
}
_KEY: Final = {"type": "string", "description": "The customer's id, else the visitor's, in UTF-8."}
_SERVER: Final = {
    "host": "{brokers}",
    "protocol": "kafka",
    "description": "The cluster, with TLS and SASL as its operators say.",
    "variables": {
        "brokers": {"default": "localhost:9092", "description": "HOST:PORT, several with commas."}
    },
}
_CARRY: Final = "Carries commands out, and answers with the events of `reply`."
_REFUSED: Final = "Sees which of its events were refused, and why."


def _trait(headers: Document, required: Iterable[str] = ()) -> Document:
    """What messages of a kind have in common."""
    said: Document = {"type": "object", "properties": headers}
    if required:
        said["required"] = list(required)
    return {
        "headers": said,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": KAFKA_BINDING}},
    }


_CLOUD_EVENT: Final = {
    "ce_specversion": {"type": "string", "const": "1.0"},
    "ce_id": {"type": "string", "description": "The `command_id`."},
    "ce_source": {"type": "string", "const": "/journey-engine"},
    "ce_type": {"type": "string", "pattern": r"^journey\.command\.[a-z]+$"},
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_subject": {"type": "string", "description": "Journey and send: `<journey>/<send id>`."},
    "content-type": {"type": "string", "const": MEDIA_TYPE},
}
_LINK: Final = _TRACE | {"description": "Of a command that a timer decided: who set the timer."}
_TRAITS: Final = {
    "event": _trait({"traceparent": _TRACE}),
    "command": _trait(
        _CLOUD_EVENT | {"traceparent": _TRACE, LINK_HEADER: _LINK}, required=_CLOUD_EVENT
    ),
    "record": _trait({}),
}
_DEAD_LETTER: Final = {
    "name": "DeadLetter",
    "summary": "A record as it came, with headers that say where it lay and what is wrong.",
    "contentType": "application/octet-stream",
    "payload": {"description": "The refused record's bytes."},
    **_trait(
        {
            PREFIX + "code": {"type": "string", "enum": [code.value for code in DeadLetterCode]},
            PREFIX + "message": {"type": "string", "description": "What exactly."},
            PREFIX + "topic": {"type": "string", "description": "Where it lay."},
            PREFIX + "partition": {"type": "string", "pattern": "^[0-9]+$"},
            PREFIX + "offset": {"type": "string", "pattern": "^[0-9]+$"},
            PREFIX + "at": {"type": "string", "format": "date-time"},
        },
        required=[PREFIX + "code"],
    ),
}

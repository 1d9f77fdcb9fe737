"""All definition files to one plan, or all that is wrong in them.

In two passes: first every file's form, then, if the company's files have theirs, what all of it
means. A file with errors of form is not asked for its meaning, which would be guessed.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final, NamedTuple, TypeVar

from journey_engine.define.central import (
    ChannelsDocument,
    CustomerDocument,
    LifecycleDocument,
    PoliciesDocument,
)
from journey_engine.define.company import Company, compile_channels, consent_defaults
from journey_engine.define.document import JourneyDocument
from journey_engine.define.expressions import Expressions
from journey_engine.define.form import Form
from journey_engine.define.journey import compile_journey
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import JourneyPlan, Plan
from journey_engine.define.profile import Profile
from journey_engine.define.reading import read_document
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import Schemas

COMMAND_ID: Final = "command_id"
"""The field that makes an event feedback on a command (rule I2)."""
JOURNEYS_FOLDER: Final = "journeys"
CENTRAL_FILES: Final = ("channels.yaml", "customer.yaml", "lifecycle.yaml", "policies.yaml")

Document = TypeVar("Document", bound=Form)
Read = tuple[Document, Place]


class _Documents(NamedTuple):
    """All files, read."""

    journeys: list[Read[JourneyDocument]]
    channels: Read[ChannelsDocument]
    customer: Read[CustomerDocument]
    lifecycle: Read[LifecycleDocument]
    policies: Read[PoliciesDocument]


def compile_plan(files: Mapping[str, str], schemas: Schemas) -> Plan:
    """The plan of the definition files: path to text, without tests and topics.yaml.

    Raises:
        DefinitionErrors: all errors of all files.
    """
    errors: list[DefinitionError] = []
    plan = _Compiler(files, schemas, errors).compile()
    if plan is None or errors:
        raise DefinitionErrors(sorted(set(errors)))
    return plan


def form_errors(files: Mapping[str, str]) -> list[DefinitionError]:
    """What is wrong in the files' form, for which no schemas are needed."""
    errors: list[DefinitionError] = []
    _Compiler(files, Schemas({}, {}), errors).read()
    return errors


class _Compiler:
    def __init__(
        self, files: Mapping[str, str], schemas: Schemas, errors: list[DefinitionError]
    ) -> None:
        self._schemas = schemas
        self._errors = errors
        self._texts: dict[str, tuple[str, str]] = {}
        self._journey_texts: dict[str, str] = {}
        for path, text in sorted(files.items()):
            self._sort(path, text)

    def read(self) -> _Documents | None:
        """The documents; None where one of the company's is missing or wrong in its form."""
        journeys = self._journeys()
        channels = self._central("channels.yaml", ChannelsDocument)
        customer = self._central("customer.yaml", CustomerDocument)
        lifecycle = self._central("lifecycle.yaml", LifecycleDocument)
        policies = self._central("policies.yaml", PoliciesDocument)
        if channels is None or customer is None or lifecycle is None or policies is None:
            return None
        return _Documents(journeys, channels, customer, lifecycle, policies)

    def compile(self) -> Plan | None:
        documents = self.read()
        if documents is None:
            return None
        journeys, channels, customer, lifecycle, policies = documents
        expressions = Expressions(self._schemas)
        channel_plans = compile_channels(channels[0])
        company = Company(
            purposes=frozenset(policies[0].purposes),
            channels=channel_plans,
            senders=frozenset(n for n, f in channels[0].channels.items() if "send" in f.actions),
            macro_stages=tuple(lifecycle[0].stages),
            journeys=frozenset(document.journey for document, _ in journeys),
            profile=Profile(customer[0], customer[1], expressions, frozenset(channel_plans)),
        )
        defaults = consent_defaults(policies[0], customer[0], customer[1])
        plans = [
            compile_journey(document, place, company, expressions) for document, place in journeys
        ]
        meant = {"": [channels[0], customer[0], lifecycle[0], policies[0]]}
        meant |= {document.journey: [document] for document, _ in journeys}
        return self._plan(meant, company, defaults, plans, expressions)

    def _plan(
        self,
        documents: Mapping[str, list[Form]],
        company: Company,
        defaults: Mapping[str, bool],
        plans: list[JourneyPlan],
        expressions: Expressions,
    ) -> Plan:
        plans.sort(key=lambda plan: (-plan.priority, plan.name))
        feedback = frozenset(n for n, s in self._schemas.events.items() if COMMAND_ID in s.fields)
        for event_type in feedback & expressions.fields.keys():
            expressions.read_field(event_type, COMMAND_ID)
        fields = expressions.frozen_fields()
        types = sorted({event_type for plan in plans for event_type in plan.reads})
        return Plan(
            hash=self._hash(documents, fields),
            journeys=tuple(plans),
            by_name={plan.name: plan for plan in plans},
            by_type={name: tuple(p for p in plans if name in p.reads) for name in types},
            profile=company.profile.by_type(),
            fields=fields,
            feedback=feedback,
            trait_valid=company.profile.trait_valid,
            consent_default=defaults,
            channels=company.channels,
            macro_stages=company.macro_stages,
        )

    def _hash(self, documents: Mapping[str, list[Form]], types: Mapping[str, object]) -> str:
        written = {
            name: [each.model_dump(mode="json", by_alias=True) for each in forms]
            for name, forms in documents.items()
        }
        schemas = {name: self._schemas.events[name].fingerprint.hex() for name in types}
        canonical = json.dumps([written, schemas], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _sort(self, path: str, text: str) -> None:
        place = PurePosixPath(path)
        if JOURNEYS_FOLDER in place.parent.parts:
            self._journey_texts[path] = text
        elif place.name in CENTRAL_FILES and place.name not in self._texts:
            self._texts[place.name] = (path, text)
        else:
            message = f"`{place.name}` is no definition file"
            hint = f"journeys lie in {JOURNEYS_FOLDER}/; " + suggestion(place.name, CENTRAL_FILES)
            self._errors.append(DefinitionError(path, 1, 1, "UNKNOWN_FILE", message, hint))

    def _central(self, name: str, form: type[Document]) -> Read[Document] | None:
        if name in self._texts:
            path, text = self._texts[name]
            return read_document(path, text, form, self._errors)
        message = "the file is missing"
        self._errors.append(DefinitionError(name, 1, 1, "FILE_MISSING", message))
        return None

    def _journeys(self) -> list[Read[JourneyDocument]]:
        read = [
            read_document(path, text, JourneyDocument, self._errors)
            for path, text in self._journey_texts.items()
        ]
        found: dict[str, Read[JourneyDocument]] = {}
        for each in read:
            if each is None:
                continue
            document, place = each
            if document.journey in found:
                other = found[document.journey][1].file
                message = f"the journey `{document.journey}` is in {other}, too"
                place.at("journey").error("REPEATED_JOURNEY", message)
            found.setdefault(document.journey, each)
        return list(found.values())

"""All definition files to one plan, or all that is wrong in them.

In two passes: first every file's form, then, if the company's files have theirs, what all of it
means. A file with errors of form is not asked for its meaning, which would be guessed.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final, NamedTuple, TypeVar

from journey_engine.define.accounts import by_type, by_version, with_accounts
from journey_engine.define.calendar_plan import NO_ZONES, Zones
from journey_engine.define.calendars import compile_calendars
from journey_engine.define.central import (
    ChannelsDocument,
    CustomerDocument,
    LifecycleDocument,
    PoliciesDocument,
)
from journey_engine.define.checks import check_review
from journey_engine.define.codes import LINT_CODES
from journey_engine.define.company import (
    Company,
    compile_channels,
    consent_defaults,
    takers,
)
from journey_engine.define.document import JourneyDocument
from journey_engine.define.experiments import LOCK_FILE, Experiments, LockDocument, owners_of
from journey_engine.define.expressions import Expressions
from journey_engine.define.feedback import FIELDS, answers
from journey_engine.define.form import Form
from journey_engine.define.identity import READ
from journey_engine.define.journey import Known, compile_journey, know_journey
from journey_engine.define.junctions import Locked
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import JourneyPlan, Plan, every_action
from journey_engine.define.policies import compile_policy
from journey_engine.define.profile import Profile
from journey_engine.define.reading import read_document
from journey_engine.define.switches import destinations
from journey_engine.define.themes import check_themes
from journey_engine.define.versions import (
    answered,
    as_kept,
    check_context,
    check_kept,
    check_migrate,
    file_stem,
    is_kept,
)
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import Schemas

COMMAND_ID: Final = "command_id"
"""The field that makes an event feedback on a command (rule I2)."""
JOURNEYS_FOLDER: Final = "journeys"
CENTRAL_FILES: Final = ("channels.yaml", "customer.yaml", "lifecycle.yaml", "policies.yaml")
_SUFFIX: Final = ".yaml"
KNOWN_FILES: Final = (*CENTRAL_FILES, LOCK_FILE)

Document = TypeVar("Document", bound=Form)
Read = tuple[Document, Place]


class _Documents(NamedTuple):
    """All files, read."""

    journeys: list[Read[JourneyDocument]]
    kept: list[Read[JourneyDocument]]
    channels: Read[ChannelsDocument]
    customer: Read[CustomerDocument]
    lifecycle: Read[LifecycleDocument]
    policies: Read[PoliciesDocument]
    lock: Read[LockDocument] | None


class Compiled(NamedTuple):
    """What was read. `plan` is there also where only the lint (`LINT_CODES`) found errors: then it
    may be run to show them, and must not be used.
    """

    plan: Plan | None
    findings: list[DefinitionError]
    """All errors and warnings of all files, in order."""


def compile_plan(files: Mapping[str, str], schemas: Schemas, zones: Zones = NO_ZONES) -> Plan:
    """The plan of the definition files: path to text, without tests and topics.yaml.

    `zones` are those that may be named, and in which customers may live.

    Raises:
        DefinitionErrors: all errors of all files.
    """
    plan, findings = compile_definitions(files, schemas, zones)
    errors = [finding for finding in findings if not finding.warning]
    if plan is None or errors:
        raise DefinitionErrors(errors)
    return plan


def compile_definitions(
    files: Mapping[str, str],
    schemas: Schemas,
    zones: Zones = NO_ZONES,
    today: dt.date | None = None,
) -> Compiled:
    """As `compile_plan`, with everything found; `today` is the date past which a journey's
    `review_by` is a warning.
    """
    errors: list[DefinitionError] = []
    plan = _Compiler(files, schemas, zones, errors, today).compile()
    findings = sorted(set(errors))
    whole = all(finding.warning or finding.code in LINT_CODES for finding in findings)
    return Compiled(plan if whole else None, findings)


def form_errors(files: Mapping[str, str]) -> list[DefinitionError]:
    """What is wrong in the files' form, for which no schemas are needed."""
    errors: list[DefinitionError] = []
    _Compiler(files, Schemas({}, {}), NO_ZONES, errors).read()
    return errors


class _Compiler:
    def __init__(
        self,
        files: Mapping[str, str],
        schemas: Schemas,
        zones: Zones,
        errors: list[DefinitionError],
        today: dt.date | None = None,
    ) -> None:
        self._today = today
        self._schemas = schemas
        self._zones = zones
        self._errors = errors
        self._texts: dict[str, tuple[str, str]] = {}
        self._journey_texts: dict[str, str] = {}
        for path, text in sorted(files.items()):
            self._sort(path, text)

    def read(self) -> _Documents | None:
        """The documents; None where one of the company's is missing or wrong in its form."""
        found = self._journeys()
        journeys = [one for one in found if not is_kept(one[1].file)]
        kept = [one for one in found if is_kept(one[1].file)]
        kept = check_kept(self._journey_texts, journeys, kept)
        channels = self._central("channels.yaml", ChannelsDocument)
        customer = self._central("customer.yaml", CustomerDocument)
        lifecycle = self._central("lifecycle.yaml", LifecycleDocument)
        policies = self._central("policies.yaml", PoliciesDocument)
        if channels is None or customer is None or lifecycle is None or policies is None:
            return None
        lock = self._central(LOCK_FILE, LockDocument) if LOCK_FILE in self._texts else None
        return _Documents(journeys, kept, channels, customer, lifecycle, policies, lock)

    def compile(self) -> Plan | None:
        documents = self.read()
        if documents is None:
            return None
        journeys, kept, channels, customer, lifecycle, policies, lock = documents
        expressions = Expressions(self._schemas)
        channel_plans = compile_channels(channels[0])
        profile = Profile(customer[0], customer[1], expressions, frozenset(channel_plans))
        calendars = compile_calendars(policies[0], policies[1], self._zones, profile.traits)
        company = Company(
            purposes=frozenset(policies[0].purposes),
            channels=channel_plans,
            takers=takers(channels[0]),
            macro_stages=tuple(lifecycle[0].stages),
            journeys=frozenset(document.journey for document, _ in journeys),
            of_accounts=frozenset(d.journey for d, _ in journeys if d.of_account),
            profile=profile,
            calendars=calendars,
            locked=Locked(
                Experiments(),
                owners_of(*lock) if lock is not None else {},
                accounts=profile.has_accounts,
                holdouts=frozenset(form.id for form in policies[0].holdouts),
            ),
            policy=compile_policy(policies[0], policies[1], channel_plans, calendars.zone),
            destinations=destinations(document for document, _ in journeys),
        )
        if company.policy.memory:
            company.profile.read_sends()
        defaults = consent_defaults(policies[0], customer[0], customer[1])
        # Twice over all of them: a switch is held against what the other journey remembers.
        former = [document for document, _ in kept]
        known = [
            know_journey(*journey, company, expressions, answered(journey[0], former))
            for journey in journeys
        ]
        plans = [
            compile_journey(document, place, company, expressions, names)
            for (document, place), names in zip(journeys, known, strict=True)
        ]
        versions = [self._kept(as_kept(one), company, expressions) for one in kept]
        _check_migrations(journeys, kept, known, [names for _, names in versions])
        check_themes(policies, journeys)
        for document, place in journeys:
            check_review(document, place, self._today)
        meant = {"": [channels[0], customer[0], lifecycle[0], policies[0]]}
        meant |= {document.journey: [document] for document, _ in journeys}
        meant |= {file_stem(one.journey, one.version): [one] for one, _ in kept}
        if lock is not None:
            meant[LOCK_FILE] = [lock[0]]
        return self._plan(
            meant, company, defaults, (plans, [plan for plan, _ in versions]), expressions
        )

    def _kept(
        self, read: Read[JourneyDocument], company: Company, expressions: Expressions
    ) -> tuple[JourneyPlan, Known]:
        """A version that is kept; what it knows is nothing to other journeys."""
        apart = replace(
            company,
            destinations=replace(company.destinations, names=dict(company.destinations.names)),
            locked=replace(company.locked, kept=True),
        )
        # The lint asks only what is entered: of which sends there were is nothing to be said.
        known = know_journey(*read, apart, expressions, None, kept=True)
        return compile_journey(*read, apart, expressions, known, kept=True), known

    def _plan(
        self,
        documents: Mapping[str, list[Form]],
        company: Company,
        defaults: Mapping[str, bool],
        versions: tuple[list[JourneyPlan], list[JourneyPlan]],
        expressions: Expressions,
    ) -> Plan:
        plans, kept = versions
        plans.sort(key=lambda plan: (-plan.priority, plan.name))
        feedback = frozenset(n for n, s in self._schemas.events.items() if COMMAND_ID in s.fields)
        for event_type in feedback & expressions.fields.keys():
            expressions.read_field(event_type, COMMAND_ID)
        actions = [action for plan in (*plans, *kept) for action in every_action(plan)]
        ours = [plan for plan in plans if not plan.of_account]
        mine = [plan for plan in kept if not plan.of_account]
        for event_type in answers(actions) & self._schemas.events.keys():
            for name in FIELDS:
                if name in self._schemas.events[event_type].fields:
                    expressions.read_field(event_type, name)
        for event_type in READ & self._schemas.events.keys():
            expressions.read_type(event_type)
        fields = expressions.frozen_fields()
        whole = Plan(
            hash=self._hash(documents, fields),
            journeys=tuple(ours),
            by_name={plan.name: plan for plan in ours},
            by_type=by_type(ours, mine),
            profile=company.profile.by_type(),
            fields=fields,
            feedback=feedback,
            trait_valid=company.profile.trait_valid,
            consent_default=defaults,
            channels=company.channels,
            macro_stages=company.macro_stages,
            kept=by_version(mine),
            zones=self._zones,
            zone=company.calendars.zone,
            policy=company.policy,
            prefers=any(action.preferred for action in actions),
            memberships=company.profile.memberships,
        )
        theirs = [plan for plan in plans if plan.of_account]
        former = [plan for plan in kept if plan.of_account]
        return with_accounts(whole, theirs, former, company.profile.by_type(of_accounts=True))

    def _hash(self, documents: Mapping[str, list[Form]], types: Mapping[str, object]) -> str:
        # Without defaults, so that a key which a later version knows changes no hash by itself.
        written = {name: [_meaning(each) for each in forms] for name, forms in documents.items()}
        schemas = {name: self._schemas.events[name].fingerprint.hex() for name in types}
        known = [written, schemas, self._zones.version]
        canonical = json.dumps(known, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _sort(self, path: str, text: str) -> None:
        place = PurePosixPath(path)
        if place.suffix != _SUFFIX:
            message = f"`{place.name}` is not read"
            hint = f"call it {place.stem}{_SUFFIX}"
            self._errors.append(DefinitionError(path, 1, 1, "UNKNOWN_FILE", message, hint))
        elif JOURNEYS_FOLDER in place.parent.parts:
            self._journey_texts[path] = text
        elif place.name in KNOWN_FILES and place.name not in self._texts:
            self._texts[place.name] = (path, text)
        else:
            message = f"`{place.name}` is no definition file"
            hint = f"journeys lie in {JOURNEYS_FOLDER}/; " + suggestion(place.name, KNOWN_FILES)
            self._errors.append(DefinitionError(path, 1, 1, "UNKNOWN_FILE", message, hint))

    def _central(self, name: str, form: type[Document]) -> Read[Document] | None:
        if name in self._texts:
            path, text = self._texts[name]
            return read_document(path, text, form, self._errors)
        message = "the file is missing"
        hint = "every company has it, if only with its mandatory keys"
        self._errors.append(DefinitionError(name, 1, 1, "FILE_MISSING", message, hint))
        return None

    def _journeys(self) -> list[Read[JourneyDocument]]:
        read = [
            read_document(path, text, JourneyDocument, self._errors)
            for path, text in self._journey_texts.items()
        ]
        named = [(_file_name(one), one) for one in read if one is not None]
        # A copy, called otherwise, is the one too many, wherever it stands in the folder.
        named.sort(key=lambda pair: pair[0] != PurePosixPath(pair[1][1].file).stem)
        found: dict[str, Read[JourneyDocument]] = {}
        for name, each in named:
            if name in found:
                message = f"the journey `{name}` is in {found[name][1].file}, too"
                each[1].at("journey").error("REPEATED_JOURNEY", message, f"keep {name}.yaml")
            found.setdefault(name, each)
        return list(found.values())


def _check_migrations(
    journeys: Sequence[Read[JourneyDocument]],
    kept: Sequence[Read[JourneyDocument]],
    known: Sequence[Known],
    formerly: Sequence[Known],
) -> None:
    """Report what is wrong in `migrate`; `known` is of the journeys, `formerly` of those kept."""
    everything = [document for document, _ in (*journeys, *kept)]
    for read in (*journeys, *kept):
        check_migrate(read, everything)
    contexts = {
        (document.journey, document.version): names.live.declared.context
        for (document, _), names in zip(kept, formerly, strict=True)
    }
    for read, names in zip(journeys, known, strict=True):
        check_context(read, names.live.declared.context, contexts)


def _file_name(read: Read[JourneyDocument]) -> str:
    document, place = read
    return file_stem(document.journey, document.version if is_kept(place.file) else None)


def _meaning(form: Form) -> list[object]:
    """What a document says: without the order of keys, but that of the stages ranks them (M2)."""
    order = list(form.stages) if isinstance(form, JourneyDocument) else []
    return [form.model_dump(mode="json", by_alias=True, exclude_defaults=True), order]

"""What a journey is called, and what it names of its own and of the company's."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from journey_engine.define.company import Company
from journey_engine.define.descriptors import MISSING
from journey_engine.define.document import JourneyDocument
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import END
from journey_engine.define.policy_form import CONTINUE
from journey_engine.define.policy_plan import PLAIN

_NO_STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        END: "is where every instance ends, no stage",
        CONTINUE: "says of `on_suppressed` that the instance stays, and is no stage",
    }
)


def check_names(document: JourneyDocument, place: Place, company: Company, stem: str) -> None:
    """Report names that mean nothing, or something else; `stem` is what its file must be called."""
    if PurePosixPath(place.file).stem != stem:
        message = f"the file of the journey `{document.journey}` must be called so"
        place.at("journey").error("FILE_NAME", message, f"name it {stem}.yaml")
    if document.success not in document.goals:
        message = f"`success` names no goal: `{document.success}`"
        place.at("success").error(
            "UNKNOWN_GOAL", message, suggestion(document.success, document.goals)
        )
    if document.purpose not in company.purposes:
        message = f"policies.yaml knows no purpose `{document.purpose}`"
        hint = suggestion(document.purpose, company.purposes)
        place.at("purpose").error("UNKNOWN_PURPOSE", message, hint)
    teams = company.policy.purposes.get(document.purpose, PLAIN).teams
    if teams is not None and document.owner not in teams:
        message = f"policies.yaml does not let `{document.owner}` use `{document.purpose}`"
        hint = f"its teams: {', '.join(sorted(teams))}"
        place.at("purpose").error("PURPOSE_NOT_YOURS", message, hint)
    if document.start not in document.stages:
        message = f"there is no stage `{document.start}`"
        hint = suggestion(document.start, document.stages)
        place.at("start").error("UNKNOWN_STAGE", message, hint)
    if MISSING in document.milestones:
        at = place.at("milestones", MISSING)
        at.key_error(
            "RESERVED_NAME", f"`milestones.{MISSING}` is the engine's own", "take another name"
        )
    for name, stage in document.stages.items():
        at = place.at("stages", name)
        if name in _NO_STAGES:
            at.key_error("RESERVED_NAME", f"`{name}` {_NO_STAGES[name]}", "take another name")
        if stage.macro_stage not in company.macro_stages:
            message = f"lifecycle.yaml knows no macro-stage `{stage.macro_stage}`"
            hint = suggestion(stage.macro_stage, company.macro_stages)
            at.at("macro_stage").error("UNKNOWN_MACRO_STAGE", message, hint)

"""Instances of older versions go on in a newer one, where it says how (rule V1).

Theory of operation. Before a customer's next input or timer, at the clock's time, each instance is
asked for by the newer versions that name its own in `migrate`, the oldest of them first, and again
in the version that it then has. The context, the milestones, the times of entry and of its stage
stay. Waits that are kept find the wait in the same place among those of the stage; waits that are
set anew count from when the stage was entered, and are due at once where that lies in the past.
"""

from typing import Final

from journey_engine.decide import cancels, matching, operations, pipeline, stages, waits
from journey_engine.decide.draft import Draft
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Moment, View
from journey_engine.decide.state import DEADLINE, CustomerState, Instance, Timer
from journey_engine.decide.trace import Step
from journey_engine.define.migration_plan import Fate, Move
from journey_engine.define.plan import JourneyPlan, Plan, StagePlan
from journey_engine.errors import EndReason

_MIGRATE: Final = "migrate"


def fate(plan: Plan, journey: str, version: int, stage: str) -> str:
    """What becomes of an instance there under the plan, in a few words."""
    following = _following(plan, journey, version, stage)
    if following is not None:
        newer, move = following
        to = "exit" if move.fate is Fate.EXIT else move.to
        return f"{to} ({newer.version})"
    runs = plan.run_by(journey, version)
    if runs is None:
        return "lies dormant: the journey is gone"
    if stage not in runs.stages:
        return "ends QUARANTINED: the stage is gone"
    return "stays" if runs.version == version else f"goes on in version {runs.version}"


def concern(plan: Plan, state: CustomerState) -> bool:
    """Whether something of the customer is to be brought in line, with versions or operators."""
    for instance in state.instances:
        if _following(plan, instance.journey, instance.version, instance.stage) is not None:
            return True
    return bool(plan.operations) and operations.concern(plan, state)


def bring(draft: Draft) -> None:
    """Bring the customer in line with operators and newer versions, at the clock's time."""
    if draft.plan.operations:
        operations.bring(draft)
    if draft.plan.migrations:
        _migrate_all(draft)
    if draft.candidates:
        pipeline.decide_all(draft, Moment(draft, draft.now))
        draft.fold()


def _migrate_all(draft: Draft) -> None:
    moment = Moment(draft, draft.now)
    for position, instance in enumerate(draft.instances):
        _migrate(draft, moment, position, instance)
    draft.fold()


def _migrate(draft: Draft, moment: Moment, position: int, instance: Instance) -> None:
    following = _following(draft.plan, instance.journey, instance.version, instance.stage)
    while following is not None:
        newer, move = following
        live = draft.touch(position)
        older = draft.plan.run_by(live.journey, live.version) or newer
        draft.out.trace.append(Step(_MIGRATE, live.journey, live.key, f"{newer.version}"))
        if move.fate is Fate.EXIT:
            stages.end(draft, older, moment, live, EndReason.MIGRATED, _MIGRATE)
            return
        _move(draft, moment, live, (older, newer), move)
        following = _following(draft.plan, live.journey, live.version, live.stage)


def _following(plan: Plan, name: str, version: int, stage: str) -> tuple[JourneyPlan, Move] | None:
    """The next version that takes it over, and how; None where it stays as it is."""
    for newer in plan.migrations.get((name, version), ()):
        move = newer.migrate[version].get(stage)
        if move is not None and move.fate is not Fate.FINISH:
            return newer, move
    return None


def _move(
    draft: Draft,
    moment: Moment,
    live: Live,
    versions: tuple[JourneyPlan, JourneyPlan],
    move: Move,
) -> None:
    older, newer = versions
    before, stage = older.stages.get(live.stage), newer.stages[move.to]
    former = live.stage
    live.version = newer.version
    if former != stage.name or move.enter:
        if former != stage.name:
            cancels.at_leave(draft, live, live.cause)
            live.patterns = matching.lasting(newer, live.patterns)
        live.stage = stage.name
        live.visits = {**live.visits, stage.name: live.visits.get(stage.name, 0) + 1}
        live.runs = {}
    view = View(moment, newer, live.frozen())
    waiting, idle = live.timers, live.idle
    _arm(draft, newer, live, stage, view)
    if not move.recompute:
        _keep(live, waiting, idle, before, stage)
    stages.moved(draft, newer, moment, live, former, _MIGRATE)
    if move.enter:
        stages.queue(draft, newer, live, stage.on_enter, view)


def _arm(draft: Draft, journey: JourneyPlan, live: Live, stage: StagePlan, view: View) -> None:
    """Set the waits of the stage as from when it was entered; none is due before now."""
    waits.arm(draft, journey, live, stage, view)
    for wait in stage.timers:
        if wait.at is not None:
            waits.again(draft, live, wait, view)
    now = view.moment.at
    live.timers = [
        timer if timer.due >= now or timer.index == DEADLINE else Timer(now, timer.index)
        for timer in live.timers
    ]


def _keep(
    live: Live, timers: list[Timer], idle: list[int], before: StagePlan | None, stage: StagePlan
) -> None:
    """Put the waits that stood in the place of those just set; one that is spent stays so."""
    former = () if before is None else before.timers
    pairs = dict(zip([wait.index for wait in stage.timers], former, strict=False))
    kept = [timer for timer in live.timers if timer.index not in pairs]
    live.idle = [index for index in live.idle if index not in pairs]
    for index, wait in pairs.items():
        kept += [Timer(one.due, index, one.start) for one in timers if one.index == wait.index]
        live.idle += [index] if wait.index in idle else []
    live.timers = kept

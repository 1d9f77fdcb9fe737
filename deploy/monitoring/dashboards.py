"""Three dashboards: the workers as an SRE sees them, the journeys, the channels."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableRefresh,
    VariableSort,
)

from deploy.monitoring.panels import (
    SOURCE,
    Panel,
    Query,
    Steps,
    bars,
    lines,
    number,
    row,
    spread,
)
from deploy.monitoring.slos import Slo, read
from journey_engine.define.feedback import ANSWERED, COUNTED, EXPIRED
from journey_engine.observe import contract
from journey_engine.observe.contract import Metric

TAG = "journey-engine"
OF_JOB = 'job=~"$job"'
OF_JOURNEY = 'job=~"$job",journey=~"$journey"'
OF_CHANNEL = 'job=~"$job",channel=~"$channel"'
ANY = Steps(red=1)


def rate(metric: Metric, by: str, where: str = OF_JOB) -> str:
    """How much of each in a second."""
    return f"sum by ({by}) (rate({metric.exposed}{{{where}}}[$__rate_interval]))"


def count(metric: Metric, by: str, where: str = OF_JOB) -> str:
    """How much of each in the time that is shown, the most first; what was none left out."""
    return f"sort_desc(sum by ({by}) (increase({metric.exposed}{{{where}}}[$__range])) > 0)"


def grown(metric: Metric) -> str:
    """How much a counter grew in the time that is shown."""
    return f"sum(increase({metric.exposed}{{{OF_JOB}}}[$__range]))"


def quantiles(metric: Metric, what: str) -> list[Query]:
    """The middle and the slow end of a histogram."""
    buckets = f"sum by (le) (rate({metric.name}_bucket{{{OF_JOB}}}[$__rate_interval]))"
    return [
        Query(f"histogram_quantile({share}, {buckets})", f"{what} p{share * 100:g}")
        for share in (0.5, 0.99, 0.999)
    ]


def total(metric: Metric, where: str = OF_JOB) -> str:
    """A gauge, of all workers."""
    return f"sum({metric.exposed}{{{where}}})"


def dashboards() -> dict[str, str]:
    """The JSON of each, by its name."""
    _, slos = read()
    made = {
        "operations": _dashboard("operations", "operations", [], operations(slos)),
        "journeys": _dashboard(
            "journeys", "journeys", [_variable("journey", contract.ENTRIES)], journeys()
        ),
        "channels": _dashboard(
            "channels", "channels", [_variable("channel", contract.COMMANDS)], channels()
        ),
    }
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {name: encoder.encode(each.build()) + "\n" for name, each in made.items()}


def _dashboard(
    uid: str, title: str, variables: Sequence[dashboard.QueryVariable], panels: Sequence[Panel]
) -> dashboard.Dashboard:
    others = dashboard.DashboardLink("journey-engine").type(DashboardLinkType.DASHBOARDS)
    made = dashboard.Dashboard(f"Journey engine: {title}").uid(f"journey-engine-{uid}")
    made = made.tags([TAG]).readonly().refresh("1m").time("now-3h", "now").timezone("browser")
    made = made.tooltip(DashboardCursorSync.CROSSHAIR)
    made = made.link(others.tags([TAG]).as_dropdown(True).keep_time(True).include_vars(True))
    source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    made = made.with_variable(source).with_variable(_variable("job", contract.PARTITIONS))
    for variable in variables:
        made = made.with_variable(variable)
    for place, panel in enumerate(panels, 1):
        numbered = panel.id(place)  # links to a panel are by it
        if isinstance(numbered, dashboard.Row):
            made = made.with_row(numbered)
        else:
            made = made.with_panel(numbered)
    return made


def _variable(label: str, metric: Metric) -> dashboard.QueryVariable:
    """What to choose from: the values of a label."""
    where = "" if label == "job" else f"{{{OF_JOB}}}"
    variable = dashboard.QueryVariable(label).label(label).datasource(SOURCE)
    variable = variable.query(f"label_values({metric.exposed}{where}, {label})")
    variable = variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(VariableSort.ALPHABETICAL_ASC).multi(True).include_all(True)


def operations(slos: Sequence[Slo]) -> list[Panel]:
    """Are the objectives kept; what flows; how long it takes; who has what; what goes wrong."""
    return [
        row("Objectives"),
        *(_kept(slo) for slo in slos),
        number(
            "Records behind", contract.LAG.meaning, Query(total(contract.LAG), ""), unit="short"
        ),
        lines(
            "Burn rate over an hour",
            "1: the budget of 30 days lasts 30 days. 14.4 wakes somebody.",
            [
                Query(f"{slo.recorded('1h')}{{{OF_JOB}}} / {slo.budget}", f"{slo.name} {{{{job}}}}")
                for slo in slos
            ],
            steps=Steps(1, 14.4),
        ),
        lines(
            "Alerts that fire",
            "The runbook has a section for each.",
            [Query(f'ALERTS{{{OF_JOB},alertstate="firing"}}', "{{alertname}} {{window}}")],
        ),
        row("Flow"),
        *_flow(),
        row("Time"),
        *_time(),
        row("Partitions"),
        *_partitions(),
        row("Trouble"),
        *_trouble(),
    ]


def _kept(slo: Slo) -> Panel:
    share = f"1 - {slo.recorded('3d')}{{{OF_JOB}}}"
    return number(
        f"{slo.name}, 3 days",
        f"{slo.summary()}. The objective is {slo.objective.objective} %.",
        Query(share, "{{job}}"),
        unit="percentunit",
    )


def _flow() -> list[Panel]:
    return [
        lines("Records taken", contract.RECORDS.meaning,
              [Query(rate(contract.RECORDS, "topic"), "{{topic}}"),
               Query(rate(contract.MARKS, "job"), "time marks among them")]),
        lines("Events by outcome", "A second.",
              [Query(rate(contract.INPUTS, "outcome"), "{{outcome}}")], stacked=True),
        lines("Commands decided and written", "A second; the two part where commits fail.",
              [Query(f"sum(rate({contract.COMMANDS_DECIDED.exposed}{{{OF_JOB}}}[$__rate_interval]))",
                     "decided"),
               Query(f"sum(rate({contract.COMMANDS.exposed}{{{OF_JOB}}}[$__rate_interval]))",
                     "written")]),
    ]  # fmt: skip


def _time() -> list[Panel]:
    delay = f"sum by (le) (increase({contract.INPUT_DELAY.name}_bucket{{{OF_JOB}}}"
    return [
        spread("From arrival to commit", contract.INPUT_DELAY.meaning,
               Query(f"{delay}[$__rate_interval]))", "{{le}}")),
        lines("From arrival to commit", contract.INPUT_DELAY.meaning,
              quantiles(contract.INPUT_DELAY, "records"), unit="s"),
        lines("From decision to commit", contract.PUBLISH_DELAY.meaning,
              quantiles(contract.PUBLISH_DELAY, "commands"), unit="s"),
        lines("Timers late", contract.TIMER_LATENESS.meaning,
              quantiles(contract.TIMER_LATENESS, "timers"), unit="s"),
        lines("Deciding", contract.DECISION.meaning,
              quantiles(contract.DECISION, "decision"), unit="s"),
        lines("Commits", contract.COMMIT.meaning, quantiles(contract.COMMIT, "commit"), unit="s"),
    ]  # fmt: skip


def _partitions() -> list[Panel]:
    lag = f"{contract.LAG.exposed}{{{OF_JOB}}}"
    return [
        lines("Partitions at work", contract.DECLARED.meaning,
              [Query(f"max({contract.DECLARED.exposed}{{{OF_JOB}}})", "of the app"),
               Query(total(contract.PARTITIONS), "at work")]),
        lines("Partitions by worker", contract.PARTITIONS.meaning,
              [Query(f"{contract.PARTITIONS.exposed}{{{OF_JOB}}}", "{{instance}}")], stacked=True),
        lines("Lag by topic", contract.LAG.meaning,
              [Query(f"sum by (topic) ({lag})", "{{topic}}")], stacked=True),
        lines("The partitions most behind", contract.LAG.meaning,
              [Query(f"topk(5, sum by (partition) ({lag}))", "partition {{partition}}")]),
        lines("Restoring", contract.RESTORE_REMAINING.meaning,
              [Query(f"sum by (instance) ({contract.RESTORE_REMAINING.exposed}{{{OF_JOB}}})",
                     "{{instance}}"),
               Query(f"sum by (instance) ({contract.STANDBY_REMAINING.exposed}{{{OF_JOB}}})",
                     "copies on {{instance}}")]),
        lines("Restores", contract.RESTORE.meaning, quantiles(contract.RESTORE, "opening"),
              unit="s"),
    ]  # fmt: skip


def _trouble() -> list[Panel]:
    commits = (contract.UNRESOLVED, contract.ABORTED, contract.FENCED,
               contract.OFFSETS_NOT_COMMITTED)  # fmt: skip
    return [
        number("Records lost", contract.LOST.meaning,
               Query(grown(contract.LOST), ""),
               unit="short", steps=ANY),
        number("Journeys left out", contract.QUARANTINED.meaning,
               Query(f"max({contract.QUARANTINED.exposed}{{{OF_JOB}}})", ""),
               unit="short", steps=ANY),
        number("States too large", contract.OVERSIZED.meaning,
               Query(grown(contract.OVERSIZED), ""),
               unit="short", steps=ANY),
        number("On a wrong partition", contract.FORWARDED.meaning,
               Query(grown(contract.FORWARDED), ""),
               unit="short", steps=ANY),
        number("Guarantees", contract.GUARANTEE.meaning,
               Query(f"count by (guarantee) ({contract.GUARANTEE.exposed}{{{OF_JOB}}})",
                     "{{guarantee}}"), unit="short"),
        number("Partitions fenced", contract.FENCED.meaning,
               Query(grown(contract.FENCED), ""),
               unit="short"),
        bars("Dead letters by code", "In the time that is shown.",
             Query(count(contract.DEAD_LETTERS, "code"), "{{code}}")),
        bars("Forgotten over a bound", contract.DROPPINGS.meaning,
             Query(count(contract.DROPPINGS, "what"), "{{what}}")),
        bars("States written, by bytes", contract.STATE_SIZES.meaning,
             Query(count(contract.STATE_SIZES, "below_bytes"), "below {{below_bytes}}")),
        lines("Commits that fail", "A second; of a fence the partitions.",
              [Query(f"sum(rate({each.exposed}{{{OF_JOB}}}[$__rate_interval]))",
                     each.name.removeprefix("journey_")) for each in commits]),
        lines("Schema Registry", "Ids that partitions wait for; questions a second by outcome.",
              [Query(f"max({contract.REGISTRY_WANTED.exposed}{{{OF_JOB}}})", "waited for"),
               Query(rate(contract.REGISTRY_LOOKUPS, "outcome"), "{{outcome}}")]),
        lines("Brokers silent", contract.BROKER_SILENT.meaning,
              [Query(f"{contract.BROKER_SILENT.exposed}{{{OF_JOB}}}", "{{instance}}")], unit="s"),
    ]  # fmt: skip


def journeys() -> list[Panel]:
    """Who comes in and who does not, how far they come, how they end, what was not sent and why."""
    entered = OF_JOURNEY + ',outcome="ENTERED"'
    refused = OF_JOURNEY + ',outcome!="ENTERED"'
    sent = OF_JOURNEY + ',outcome="SENT"'
    unsent = OF_JOURNEY + ',outcome!~"SENT|DEFERRED|DELIVERED|BOUNCED|FAILED|FALLBACK"'
    ended = OF_JOURNEY + ',end!=""'
    return [
        row("The funnel"),
        bars("Came to a stage", contract.STAGES.meaning,
             Query(count(contract.STAGES, "journey, stage", OF_JOURNEY), "{{journey}} {{stage}}")),
        bars("Ended, by reason", "In the time that is shown.",
             Query(count(contract.TRANSITIONS, "journey, end", ended), "{{journey}} {{end}}")),
        bars("Did not come in, by reason", "Entry clauses that were looked at in vain.",
             Query(count(contract.ENTRIES, "journey, outcome", refused),
                   "{{journey}} {{outcome}}")),
        row("Over time"),
        lines("Entered", "A second.",
              [Query(rate(contract.ENTRIES, "journey", entered), "{{journey}}")], stacked=True),
        lines("Came to a stage", "A second.",
              [Query(rate(contract.STAGES, "journey, stage", OF_JOURNEY),
                     "{{journey}} {{stage}}")]),
        lines("Ended", "A second.",
              [Query(rate(contract.TRANSITIONS, "journey, end", ended), "{{journey}} {{end}}")]),
        row("What was sent, and what was not"),
        lines("Sent", "A second.",
              [Query(rate(contract.SENDS, "journey", sent), "{{journey}}")], stacked=True),
        bars("Not sent, by reason", "Outcomes of sends: see the page of the journey language.",
             Query(count(contract.SENDS, "journey, outcome", unsent), "{{journey}} {{outcome}}")),
        lines("Guards without a value", contract.GUARD_ERRORS.meaning,
              [Query(rate(contract.GUARD_ERRORS, "journey", OF_JOURNEY), "{{journey}}")]),
    ]  # fmt: skip


def channels() -> list[Panel]:
    """What each channel is asked to do, what it answers, and what stands in the way."""
    types = sorted(ANSWERED.keys() - {EXPIRED} | COUNTED)
    answers = OF_JOB + f',type=~"{"|".join(types)}"'
    after = OF_JOB + ',outcome=~"DELIVERED|BOUNCED|FAILED|FALLBACK|EXPIRED|CANCELLED"'
    withheld = OF_JOB + ',outcome=~"CAPACITY|QUIET_HOURS|CAP_REACHED|NO_CONSENT|UNREACHABLE|HELD"'
    room = OF_JOB + ',kind=~"Capacity.*",way="taken"'
    return [
        row("Asked"),
        lines("Commands by channel", "A second.",
              [Query(rate(contract.COMMANDS, "channel", OF_CHANNEL), "{{channel}}")],
              stacked=True),
        lines("Commands by action", "A second.",
              [Query(rate(contract.COMMANDS, "channel, action", OF_CHANNEL),
                     "{{channel}} {{action}}")]),
        bars("Commands", "In the time that is shown.",
             Query(count(contract.COMMANDS, "channel, action", OF_CHANNEL),
                   "{{channel}} {{action}}")),
        row("Answered"),
        lines("Answers", "A second, by the event's type.",
              [Query(rate(contract.INPUTS, "type", answers), "{{type}}")]),
        lines("What became of commands", "A second, of all channels.",
              [Query(rate(contract.SENDS, "outcome", after), "{{outcome}}")]),
        lines("From decision to commit", contract.PUBLISH_DELAY.meaning,
              quantiles(contract.PUBLISH_DELAY, "commands"), unit="s"),
        row("In the way"),
        lines("Withheld", "A second, of all channels.",
              [Query(rate(contract.SENDS, "outcome", withheld), "{{outcome}}")]),
        lines("Room on limited channels", "A second: asked for, granted, refused, given back.",
              [Query(rate(contract.MESSAGES, "kind", room), "{{kind}}")]),
        bars("Too large for their topic, and other dead letters", "In the time that is shown.",
             Query(count(contract.DEAD_LETTERS, "code"), "{{code}}")),
    ]  # fmt: skip

"""The kinds of panels that the dashboards are put together from."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import NamedTuple

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH, HEIGHT = 8, 8
"""Of a panel, in Grafana's units: three beside one another."""
SMALL = 4
"""Of a number: six beside one another, and as many must follow each other."""
_LAST = common.ReduceDataOptions().calcs(["lastNotNull"])


class Query(NamedTuple):
    """What is asked, and what its lines are called (labels in double braces)."""

    expression: str
    legend: str


class Steps(NamedTuple):
    """From which values on a panel is orange, and red; None: never."""

    orange: float | None = None
    red: float | None = None


PLAIN = Steps()
Panel = bargauge.Panel | dashboard.Row | heatmap.Panel | stat.Panel | timeseries.Panel


def lines(
    title: str,
    about: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    steps: Steps = PLAIN,
    stacked: bool = False,
) -> Panel:
    """Lines over time."""
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE)
    legend = (
        legend.placement(LegendPlacement.BOTTOM).show_legend(True).calcs(["lastNotNull", "max"])
    )
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    panel = timeseries.Panel().title(title).description(about).datasource(SOURCE)
    panel = panel.unit(unit).min(0).span(WIDTH).height(HEIGHT).fill_opacity(10).legend(legend)
    panel = panel.tooltip(tooltip.sort(SortOrder.DESCENDING)).thresholds(_thresholds(steps))
    if steps != PLAIN:
        style = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        panel = panel.with_target(_target(query).ref_id(letter))
    return panel


def number(title: str, about: str, query: Query, *, unit: str, steps: Steps = PLAIN) -> Panel:
    """The last value, large."""
    panel = stat.Panel().title(title).description(about).datasource(SOURCE).unit(unit)
    panel = panel.span(SMALL).height(SMALL).thresholds(_thresholds(steps)).no_value("none")
    panel = panel.reduce_options(_LAST)
    return panel.with_target(_target(query).instant())


def bars(title: str, about: str, query: Query) -> Panel:
    """How much of each in the time that is shown, the most first."""
    panel = bargauge.Panel().title(title).description(about).datasource(SOURCE).unit("short")
    panel = panel.span(WIDTH).height(HEIGHT).min(0).orientation(VizOrientation.HORIZONTAL)
    panel = panel.display_mode(BarGaugeDisplayMode.BASIC).thresholds(_thresholds(PLAIN))
    panel = panel.reduce_options(_LAST)
    return panel.with_target(_target(query).instant())


def spread(title: str, about: str, query: Query) -> Panel:
    """A histogram's buckets over time; the query is by `le`."""
    panel = heatmap.Panel().title(title).description(about).datasource(SOURCE)
    panel = panel.span(WIDTH).height(HEIGHT).y_axis(heatmap.YAxisConfig().unit("s"))
    return panel.with_target(_target(query).format(PromQueryFormat.HEATMAP))


def row(title: str) -> dashboard.Row:
    """A heading above what follows."""
    return dashboard.Row(title)


def _target(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id("A")


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    found = [Threshold(value=None, color="green")]
    named = (("orange", steps.orange), ("red", steps.red))
    found += [Threshold(value=at, color=color) for color, at in named if at is not None]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)

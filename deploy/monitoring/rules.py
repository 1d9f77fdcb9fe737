"""The recording and alerting rules, as Prometheus reads them: a file for each objective."""

from typing import Any

from deploy.monitoring.causes import causes
from deploy.monitoring.slos import BURNS, SERVED, SERVED_SHARE, WINDOWS, Burn, Slo, read

Rule = dict[str, Any]


def slo_rules(slo: Slo) -> dict[str, Any]:
    """The file of an objective's rules."""
    recorded = [{"record": SERVED, "expr": SERVED_SHARE}] if slo.name == "restore" else []
    recorded += [
        {"record": slo.recorded(window), "expr": slo.indicator.ratio(slo.objective, window)}
        for window in WINDOWS
    ]
    rules = [*recorded, *(_alert(slo, burn) for burn in BURNS)]
    return {"groups": [{"name": f"journey-slo-{slo.name}", "rules": rules}]}


def cause_rules() -> dict[str, Any]:
    """The file of the alerts on causes."""
    rules = [
        {
            "alert": cause.alert,
            "expr": cause.expression,
            "for": cause.hold,
            "labels": {"severity": str(cause.severity)},
            "annotations": annotations(cause.alert, cause.summary),
        }
        for cause in causes(read()[0].job)
    ]
    return {"groups": [{"name": "journey-causes", "rules": rules}]}


def _alert(slo: Slo, burn: Burn) -> Rule:
    most = f"({burn.factor} * {slo.budget})"
    burning = (f"{slo.recorded(window)} > {most}" for window in (burn.long, burn.short))
    return {
        "alert": slo.indicator.alert,
        "expr": " and ".join(burning),
        "labels": labels(slo, burn),
        "annotations": slo_annotations(slo, burn),
    }


def labels(slo: Slo, burn: Burn) -> dict[str, str]:
    """Those that an alert adds."""
    return {"severity": str(burn.severity), "slo": slo.name, "window": burn.long}


def slo_annotations(slo: Slo, burn: Burn) -> dict[str, str]:
    """What an objective's alert says."""
    said = annotations(slo.indicator.alert, slo.summary())
    said["description"] = (
        f"The budget of 30 days ({slo.budget:.2%}) burns {burn.factor} times too fast, "
        f"for {burn.long} and still in the last {burn.short}."
    )
    return said


def annotations(alert: str, summary: str) -> dict[str, str]:
    """What every alert says."""
    objectives, _ = read()
    return {"summary": summary, "runbook_url": f"{objectives.runbook}#{alert.lower()}"}

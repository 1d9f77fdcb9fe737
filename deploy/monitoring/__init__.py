"""Alerts, their tests and dashboards, made of the metrics' contract and the objectives."""

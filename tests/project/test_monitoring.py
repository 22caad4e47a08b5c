from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import unavailable
from prometheus_client import Metric
from sqlalchemy.orm import Session

from jobs.db import counters
from jobs.db.engine import SessionFactory
from jobs.operations.metrics import collect_metrics

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
#: What Prometheus itself says of a target.
OF_PROMETHEUS = {"up": {"job"}}
WORDS = {"sum", "by", "on", "and", "or", "increase", "rate", "max", "min", "m", "h", "s"}


def rules() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def panels() -> Iterator[tuple[str, str]]:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "atelier.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def exported(session: Session) -> dict[str, set[str]]:
    """Metric → its labels, on a service that every counter has counted something in."""
    for name in ("leases_expired", "claims_refused", "webhooks_delivered", "webhooks_failed"):
        counters.bump(session, name)
    counters.bump(session, counters.FINISHED, kind="stylize", status="failed")
    return {exposed_name(metric): labels_of(metric) for metric in collect_metrics(session)}


def exposed_name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def labels_of(metric: Metric) -> set[str]:
    if metric.name in {"atelier_wait_seconds", "atelier_run_seconds"}:
        return {"kind", "quantile"}  # there are samples once jobs have run; test_figures looks at those
    return {label for sample in metric.samples for label in sample.labels}


@pytest.mark.parametrize(("name", "expression"), [*rules(), *panels()])
def test_only_what_is_exported_is_asked_for(
    sessions: SessionFactory, name: str, expression: str
) -> None:
    with sessions.begin() as session:
        known = exported(session) | OF_PROMETHEUS

    bare = re.sub(r"\[[^]]*\]", "", expression)
    selectors = re.findall(r"\b([a-z_]\w*)(?:\{([^}]*)\})?", re.sub(r'"[^"]*"', '""', bare))
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", bare))))
    asked = {metric: labels for metric, labels in selectors if metric not in WORDS | grouped}
    inside = set(re.findall(r'(\w+)=""', " ".join(labels for _, labels in selectors)))

    assert asked, f"{name} asks for nothing"
    asked = {metric: labels for metric, labels in asked.items() if metric not in inside}
    assert set(asked) <= set(known), name
    labels = set().union(*(known[metric] for metric in asked))
    assert inside | grouped <= labels, name


def test_the_figures_are_all_shown() -> None:
    shown = " ".join(expression for _, expression in panels())
    described = set(
        re.findall(r'"(atelier_\w+)"', (ROOT / "jobs" / "operations" / "metrics.py").read_text())
    )

    assert described
    assert {name for name in described if name not in shown} == set()


def test_the_dashboard_is_where_grafana_looks() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounts = dict(mount.split(":")[:2] for mount in services["grafana"]["volumes"])
    provider = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "dashboards" / "atelier.yml").read_text()
    )
    source = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"][0]

    assert provider["providers"][0]["options"]["path"] in mounts.values()
    assert all((ROOT / folder).exists() for folder in mounts)
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "atelier.json").read_text())
    used = {target["datasource"]["uid"] for panel in dashboard["panels"] for target in panel["targets"]}
    assert used == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"


def test_prometheus_takes_the_configuration_and_the_alerts_fire() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        unavailable("promtool", FileNotFoundError("apt-get install prometheus"))
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(
            [promtool, *command], cwd=DEPLOY, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    scrapes = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    assert scrapes[0]["static_configs"][0]["targets"] == ["web:8000"]
    assert ":8000 " in services["web"]["command"]

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from atelier.cli import main

ROOT = Path(__file__).parents[3]


@pytest.mark.integration
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_the_bench_measures_both_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME", "torch")
    options = [
        "--jobs",
        "20",
        "--rows",
        "50",
        "--requests",
        "20",
        "--kilobytes",
        "20",
        "--workers",
        "1",
        "--before",  # this version, as an earlier one would be measured
        str(ROOT),
    ]

    result = CliRunner().invoke(main, ["bench", "service", *options, "--json"])

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    for name in ("atelier", "before", "flask + celery"):
        assert [row["clients"] for row in found[name]["submits"]] == [1, 8, 64]
        assert all(row["per_s"] > 0 for row in found[name]["submits"])
        assert found[name]["throughput"]["1"] > 0
        assert found[name]["overhead"]["p50_ms"] > 0
        assert found[name]["memory_mb"][-1]["worker-1"] > 0
    assert set(found["rows"]) == {"0", "50"}


def test_bench_alone_is_still_the_networks_bench() -> None:
    result = CliRunner().invoke(main, ["bench", "--rounds", "0"])

    assert result.exit_code == 2
    assert "rounds" in result.output
    assert "service" in CliRunner().invoke(main, ["bench", "--help"]).output


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    def refusal(*options: str) -> str:
        result = CliRunner().invoke(main, ["bench", "service", "--no-peer", *options])
        assert result.exit_code != 0
        return result.output

    assert "run `make setup` in it" in refusal("--before", str(tmp_path))
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1"
    assert "migrate failed: " in refusal("--database-url", nowhere)

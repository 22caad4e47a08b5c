from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from atelier.cli import main


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
    ]

    result = CliRunner().invoke(main, ["bench", "service", *options, "--json"])

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    for name in ("atelier", "flask + celery"):
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

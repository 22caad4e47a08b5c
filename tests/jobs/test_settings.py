from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.settings import Settings, load_settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def test_the_example_names_every_setting_with_its_default() -> None:
    shown = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))

    fields = Settings.model_fields
    assert set(shown) == {name.upper() for name in fields}
    for name, field in fields.items():
        annotated = Settings.model_validate({name: shown[name.upper()]})
        assert getattr(annotated, name) == field.default, name


def test_embedded_defaults_live_in_the_home_folder(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, atelier_home=tmp_path)

    assert settings.database == f"sqlite:///{tmp_path}/atelier.db"
    assert settings.storage == (tmp_path / "blobs").as_uri()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_driver_is_named(scheme: str) -> None:
    settings = Settings(_env_file=None, database_url=f"{scheme}://u:p@h/d")

    assert settings.database == "postgresql+psycopg://u:p@h/d"


def test_another_broker_than_redis_is_named_by_its_url() -> None:
    redis = Settings(_env_file=None, redis_url="redis://r/1")
    rabbit = Settings(_env_file=None, redis_url="redis://r/1", broker_url="amqp://u:p@h//")

    assert Settings(_env_file=None).broker.startswith("redis://127.0.0.1")
    assert (redis.broker, rabbit.broker) == ("redis://r/1", "amqp://u:p@h//")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_SECONDS", "7")

    assert load_settings().lease_seconds == 7

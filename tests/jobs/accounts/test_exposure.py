from __future__ import annotations

import pytest

from jobs.accounts.exposure import (
    ExposedError,
    KeysSetting,
    is_loopback,
    keys_required,
    refuse_exposure,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_addresses_that_only_this_machine_reaches(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.4", "10.0.0.1", "example.org", "/run/web.sock", "8.8.8.8"]
)
def test_addresses_that_others_reach(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("setting", "hosts", "needed"),
    [
        ("auto", ["127.0.0.1"], False),
        ("auto", ["127.0.0.1", "::1"], False),
        ("auto", ["127.0.0.1", "0.0.0.0"], True),
        ("auto", ["0.0.0.0"], True),
        ("on", ["127.0.0.1"], True),
        ("off", ["0.0.0.0"], False),
    ],
)
def test_when_keys_are_needed(setting: KeysSetting, hosts: list[str], needed: bool) -> None:
    assert keys_required(setting, hosts) is needed


@pytest.mark.parametrize(
    ("setting", "host", "any_keys", "refused"),
    [
        ("auto", "0.0.0.0", False, True),
        ("auto", "0.0.0.0", True, False),
        ("auto", "127.0.0.1", False, False),
        ("off", "0.0.0.0", False, False),
        ("on", "0.0.0.0", False, False),
    ],
)
def test_when_the_server_does_not_start(
    setting: KeysSetting, host: str, any_keys: bool, refused: bool
) -> None:
    if not refused:
        refuse_exposure(setting, [host], any_keys=lambda: any_keys)
        return
    with pytest.raises(ExposedError, match="atelier keys create") as caught:
        refuse_exposure(setting, [host], any_keys=lambda: any_keys)
    assert "\n" not in str(caught.value)

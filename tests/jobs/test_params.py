from __future__ import annotations

from typing import Any

import pytest

from jobs.errors import InvalidParamsError
from jobs.params import PARAMS, QUEUES, validate_params
from jobs.queue import QUEUE_NAMES


def test_defaults_are_filled_in() -> None:
    assert validate_params("stylize", {}) == {
        "alpha": 0.8,
        "size": None,
        "network": "slim",
        "preserve_color": False,
        "format": "auto",
    }


def test_text_of_a_form_is_understood() -> None:
    params = validate_params("stylize", {"alpha": "0.25", "size": "640", "preserve_color": "true"})

    assert (params["alpha"], params["size"], params["preserve_color"]) == (0.25, 640, True)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"alpha": "7"}, "alpha"),
        ({"alpha": "-0.1"}, "alpha"),
        ({"alpha": "nan"}, "alpha"),
        ({"alpha": ""}, "alpha"),
        ({"size": "0"}, "size"),
        ({"size": "99999"}, "size"),
        ({"size": "12.5"}, "size"),
        ({"network": "../../etc"}, "network"),
        ({"format": "gif"}, "format"),
        ({"preserve_color": "maybe"}, "preserve_color"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_refused_is_pointed_at(values: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        validate_params("stylize", values)

    assert [where for where, _ in caught.value.errors] == [pointer]


def test_a_kind_that_is_not_there() -> None:
    with pytest.raises(InvalidParamsError, match="no kind"):
        validate_params("paint", {})


def test_every_kind_has_a_queue_that_workers_serve() -> None:
    assert set(QUEUES) == set(PARAMS)
    assert set(QUEUES.values()) <= set(QUEUE_NAMES)

from __future__ import annotations

from typing import Any

import pytest

from jobs.errors import InvalidParamsError
from jobs.params.kinds import KINDS, strengths, validate_params
from jobs.queue.broker import QUEUE_NAMES


def test_defaults_are_filled_in() -> None:
    assert validate_params("stylize", {}) == {
        "alpha": 0.8,
        "alphas": [],
        "size": None,
        "stroke": None,
        "color": "style",
        "saturation": 1.0,
        "network": "auto",
        "texture": 0.5,
        "seed": 0,
        "styles": [],
        "regions": [],
        "format": "auto",
        "quality": 92,
        "metadata": False,
    }


def test_text_of_a_form_is_understood() -> None:
    params = validate_params(
        "stylize",
        {
            "alpha": "0.25",
            "alphas": "0, .5,1",
            "size": "640",
            "stroke": "2",
            "metadata": "true",
            "styles": '[{"style_id": "night-oils", "weight": 2}, {"file": "mine"}]',
            "regions": '[{"mask": "face", "alpha": 0}]',
        },
    )

    assert (params["alpha"], params["size"], params["stroke"]) == (0.25, 640, 2)
    assert params["alphas"] == [0, 0.5, 1]
    assert params["metadata"] is True
    assert params["styles"] == [
        {"style_id": "night-oils", "file": None, "weight": 2},
        {"style_id": None, "file": "mine", "weight": 1},
    ]
    (region,) = params["regions"]
    assert (region["mask"], region["alpha"], region["feather"]) == ("face", 0, 0)


def test_what_was_answered_can_be_sent_again() -> None:
    values = {"alphas": "0,1", "styles": '[{"style_id": "a"}]', "regions": '[{"mask": "m"}]'}
    params = validate_params("stylize", values)

    assert validate_params("stylize", params) == params


def test_each_output_has_its_strength() -> None:
    assert strengths(validate_params("stylize", {"alpha": 0.3})) == [0.3]
    assert strengths(validate_params("stylize", {"alphas": [0, 0.5]})) == [0, 0.5]


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
        ({"color": "sepia"}, "color"),
        ({"stroke": "0.1"}, "stroke"),
        ({"stroke": "nan"}, "stroke"),
        ({"quality": "0"}, "quality"),
        ({"metadata": "maybe"}, "metadata"),
        ({"alphas": "0,7"}, "alphas.1"),
        ({"alphas": "[0,"}, "alphas"),
        ({"alphas": ",".join(["0"] * 12)}, "alphas"),
        ({"styles": "night-oils"}, "styles.0"),
        ({"styles": "{}"}, "styles"),
        ({"styles": "[{}]"}, "styles.0"),
        ({"styles": '[{"style_id": "a", "file": "b"}]'}, "styles.0"),
        ({"styles": '[{"style_id": "a", "weight": -1}]'}, "styles.0.weight"),
        ({"styles": '[{"style_id": "../etc"}]'}, "styles.0.style_id"),
        ({"regions": '[{"alpha": 0}]'}, "regions.0.mask"),
        ({"regions": '[{"mask": "m", "feather": 9000}]'}, "regions.0.feather"),
        ({"regions": '[{"mask": "m", "style_id": "a", "file": "b"}]'}, "regions.0"),
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
    assert {kind.queue for kind in KINDS.values()} <= set(QUEUE_NAMES)

from __future__ import annotations

from typing import Any

import pytest

from jobs.errors import InvalidParamsError
from jobs.params.inputs import find_input_sources
from jobs.params.kinds import validate_params


def found(params: dict[str, Any], style_id: str | None = None, *files: str) -> list[tuple[Any, ...]]:
    sources = find_input_sources(
        "stylize", validate_params("stylize", params), style_id, {"content", *files}
    )
    return [(source.role, source.file, source.style_id) for source in sources]


def pointers(params: dict[str, Any], style_id: str | None = None, *files: str) -> list[str]:
    with pytest.raises(InvalidParamsError) as caught:
        find_input_sources("stylize", validate_params("stylize", params), style_id, files)
    return [pointer for pointer, _ in caught.value.errors]


def test_one_style() -> None:
    assert found({}, None, "style") == [("content", "content", None), ("style", "style", None)]
    assert found({}, "night-oils")[1] == ("style", None, "night-oils")


def test_a_mix_and_regions_name_their_files() -> None:
    params = {
        "styles": [{"style_id": "night-oils"}, {"file": "mine"}, {"file": "mine"}],
        "regions": [
            {"mask": "face", "alpha": 0},
            {"mask": "sky", "style_id": "woodcut"},
            {"mask": "face", "file": "style"},
        ],
    }

    assert found(params, None, "mine", "face", "sky", "style")[1:] == [
        ("style", None, "night-oils"),
        ("style_2", "mine", None),
        ("style_3", "mine", None),
        ("mask_1", "face", None),
        ("mask_2", "sky", None),
        ("region_2_style", None, "woodcut"),
        ("mask_3", "face", None),
        ("region_3_style", "style", None),
    ]


def test_what_does_not_fit_is_pointed_at() -> None:
    mine = {"styles": [{"style_id": "a"}, {"file": "mine"}]}
    assert pointers({}, None, "style") == ["content"]
    assert pointers({}, None, "content") == ["style"]
    assert pointers({}, "a", "content", "style") == ["style"]
    assert pointers({}, "a", "content", "mask") == ["mask"]
    assert pointers(mine, None, "content") == ["styles.1.file"]
    assert pointers(mine, "a", "content", "mine") == ["style_id"]
    assert pointers(mine, None, "content", "mine", "style") == ["style"]
    assert pointers({"regions": [{"mask": "face"}]}, "a", "content") == ["regions.0.mask"]

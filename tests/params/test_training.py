from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest

from nst_core.training.config import differences, digest, parse_config
from nst_core.training.errors import ConfigError
from params.training import AdaINSettings, AdaINTrainConfig, JohnsonSettings, JohnsonTrainConfig


@pytest.mark.parametrize("config", [JohnsonTrainConfig, AdaINTrainConfig])
def test_every_setting_is_explained(config: type[JohnsonTrainConfig]) -> None:
    assert [name for name, field in config.model_fields.items() if not field.description] == []


def test_a_setting_of_both_kinds_has_one_range() -> None:
    own = {"style_size", "image_size"}  # of a picture here, of crops there; multiples of 8 for AdaIN
    johnson, adain = (
        model.model_json_schema()["properties"] for model in (JohnsonSettings, AdaINSettings)
    )
    for name in (johnson.keys() & adain.keys()) - own:
        ranges = [
            {key: rule.get(key) for key in ("minimum", "maximum")}
            for rule in (johnson[name], adain[name])
            if "anyOf" not in rule
        ]
        assert all(each == ranges[0] for each in ranges), name


def test_defaults_are_those_of_the_papers() -> None:
    johnson, adain = JohnsonTrainConfig(), AdaINTrainConfig()
    assert (johnson.max_steps, johnson.batch_size, johnson.image_size) == (40_000, 4, 256)
    assert (johnson.lr, johnson.tv_weight, johnson.style_side) == (1e-3, 1e-6, 256)
    assert (adain.max_steps, adain.batch_size, adain.image_size, adain.style_size) == (
        20_000,
        8,
        128,
        160,
    )
    assert (adain.lr, adain.gram_weight, adain.identity_weight) == (1.5e-3, 5.0, 1.0)


def test_intervals_suit_the_length_of_the_training() -> None:
    whole, short = JohnsonTrainConfig(), JohnsonTrainConfig(max_steps=120)
    intervals = [
        (each.steps_between_checkpoints, each.steps_between_samples, each.steps_between_logs)
        for each in (whole, short)
    ]
    assert intervals == [(2_000, 500, 100), (25, 6, 1)]
    assert JohnsonTrainConfig(sample_interval=7).steps_between_samples == 7


def test_settings_come_as_json_or_as_text() -> None:
    given = {"lr": 1, "style_layers": ["relu1_1"], "warm_start": "x", "style_weight": None}
    config = parse_config("johnson", given)
    assert (config.lr, config.style_layers, config.warm_start) == (1.0, ("relu1_1",), "x")
    text = {"style_layers": "relu1_1,relu2_1", "batch_size": "2"}
    assert parse_config("johnson", text, strict=False).style_layers == ("relu1_1", "relu2_1")
    zoom = parse_config("adain", {"content_zoom": "0.2,0.5"}, strict=False).content_zoom
    assert zoom == (0.2, 0.5)


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        ("johnson", {"lr": float("nan")}, "lr: "),
        (
            "johnson",
            {"batch_size": 0},
            "batch_size: Input should be greater than or equal to 1 (got 0)",
        ),
        ("johnson", {"batch_size": "4"}, "batch_size: Input should be a valid integer"),
        ("johnson", {"use_amp": 1}, "use_amp: "),
        ("johnson", {"seed": True}, "seed: "),
        ("johnson", {"more": 1}, "more: There is no such field."),
        ("johnson", {"loss_network": "vgg11"}, "loss_network: "),
        ("johnson", {"style_layers": []}, "style_layers: "),
        ("johnson", {"style_layers": ["relu5_1"]}, "vgg16 has no layer relu5_1"),
        ("johnson", {"strength": 1e9}, "strength: "),
        ("johnson", {"gram_weight": 1.0}, "gram_weight: There is no such field."),
        ("adain", {"image_size": 33}, "image_size: Input should be a multiple of 8"),
        ("adain", {"style_size": 100}, "style_size: Input should be a multiple of 8"),
        ("adain", {"inversion_steps": 5}, "inversion_steps are for the network full"),
        ("adain", {"content_zoom": [0.9, 0.4]}, "content_zoom: "),
        ("adain", {"tv_weight": 1.0}, "tv_weight: There is no such field."),
        ("adain", {"network": "medium"}, "network: "),
    ],
)
def test_invalid_settings_are_named(kind: Any, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(kind, wrong)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layer_that_only_vgg19_has() -> None:
    assert parse_config("johnson", {"loss_network": "vgg19", "style_layers": ["relu5_1"]})


def test_state_files_of_earlier_versions_can_be_read() -> None:
    """Names of settings that AdaIN trainings had before they shared those of the other trainings."""
    old = {"steps": 9, "content_size": 64, "learning_rate": 0.5, "warmup_steps": 3}
    config = parse_config("adain", old)
    assert (config.max_steps, config.image_size, config.lr, config.lr_warmup) == (9, 64, 0.5, 3)


def test_the_digest_leaves_out_what_does_not_shape_the_weights() -> None:
    config = JohnsonTrainConfig()
    same = JohnsonTrainConfig(max_steps=9, cache_mb=5, log_interval=3, gradient_checkpointing=True)
    assert digest(same) == digest(config)
    other = JohnsonTrainConfig(lr=0.5, seed=4)
    assert digest(other) != digest(config)
    assert sorted(differences(other, config.model_dump(mode="json"))) == ["lr", "seed"]


def test_the_digest_is_that_of_earlier_versions_so_that_their_checkpoints_can_be_resumed() -> None:
    values = {
        "batch_size": 4, "image_size": 256, "style_size": 0, "lr": 1e-3, "lr_warmup": 20, "clip": 10.0,
        "content_weight": 1.0, "style_weight": None, "tv_weight": 1e-6, "strength": 1.0,
        "loss_network": "vgg16", "content_layer": "relu2_2",
        "style_layers": ["relu1_2", "relu2_2", "relu3_3", "relu4_3"],
        "warm_start": True, "average": 0.98, "use_amp": False, "seed": 0,
    }  # fmt: skip
    expected = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    assert digest(JohnsonTrainConfig()) == expected


def test_rendering_and_the_trainers_import_without_pydantic() -> None:
    """On a machine that only renders, nst_core needs torch, numpy, Pillow and safetensors alone."""
    code = (
        "import sys\n"
        "for name in ('pydantic', 'click', 'flask', 'celery', 'sqlalchemy', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "import nst_core.stylize.style_engine, nst_core.training.process\n"
        "import nst_core.training.johnson.trainer, nst_core.training.adain.session\n"
        "import nst_core.training.preflight, nst_core.optimize.gatys\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

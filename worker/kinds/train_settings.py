"""Conversion of the parameters of a `train` job to settings of a trainer in `nst_core`."""

from __future__ import annotations

from typing import Any

#: Longest intervals in steps: those of `nst_core.training.johnson.config` for 40,000 steps.
_CHECKPOINTS, _SAMPLES, _LOGS = 2_000, 500, 100


def trainer_settings(params: dict[str, Any]) -> dict[str, Any]:
    """Settings with the names of `JohnsonTrainConfig` or `AdaINTrainConfig`."""
    steps = params["max_steps"]
    # A short run has as many samples and checkpoints as one of 40,000 steps, about.
    intervals = {
        "checkpoint_interval": params["checkpoint_interval"] or min(_CHECKPOINTS, max(25, steps // 10)),
        "sample_interval": params["sample_interval"] or min(_SAMPLES, max(5, steps // 20)),
        "log_interval": min(_LOGS, max(1, steps // 200)),
    }
    if params["architecture"] == "johnson":
        names = (
            *("max_steps", "batch_size", "image_size", "strength", "content_weight", "style_weight"),
            *("tv_weight", "warm_start", "early_stop", "use_amp", "seed"),
        )
        chosen = {name: params[name] for name in names}
        return {**chosen, **intervals, **({"lr": params["lr"]} if params["lr"] else {})}
    given = {
        "steps": steps,
        "batch_size": params["batch_size"],
        "content_size": params["image_size"],
        "style_size": params["image_size"],
        "content_weight": params["content_weight"],
        "seed": params["seed"],
        **intervals,
    }
    if params["lr"]:
        given["learning_rate"] = params["lr"]
    if params["style_weight"] is not None:
        given["style_weight"] = params["style_weight"]
    return given

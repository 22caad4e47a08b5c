"""Figures of an earlier run on a graphics card, to set beside those of a new run.

NVIDIA H200, torch 2.11, CUDA 13, 2026-11-27, with the code as of 495635d. Pictures of 512×512 unless
the key says otherwise; times are medians in milliseconds, memory in megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping

CARD = "NVIDIA H200, torch 2.11, code of 2026-11-27"

#: Figures by the key of a measurement, then by network.
RENDERS: Mapping[str, Mapping[str, float]] = {
    "eager_fp32": {"slim": 3.06, "full": 4.89, "johnson": 3.64},
    "engine": {"slim": 6.35, "full": 6.84},
    "graph_fp32": {"slim": 0.73, "full": 3.83},
    "graph_fp16": {"slim": 0.65, "full": 3.06},
    "large_fp16": {"slim": 3.3, "full": 13.9},
    "batch_fp32": {"slim": 11.9, "full": 111.8, "johnson": 75.4},
    "batch_fp16": {"slim": 9.3, "full": 91.1, "johnson": 55.8},
    "memory_fp32": {"slim": 4_900, "full": 66_800},
    "memory_fp16": {"slim": 1_500, "full": 900},
}
#: Largest difference to the CPU in levels of 255, by precision, then by network.
DIFFERENCES: Mapping[str, Mapping[str, float]] = {
    "fp32": {"slim": 0.12, "full": 0.22},
    "fp16": {"slim": 0.32, "full": 0.56},
    "bf16": {"slim": 2.6, "full": 4.1},
}
#: Photographs a second, by kind of training: Johnson at 256 px in batches of 4, its plain loop, and
#: AdaIN at 160 px for three networks at once.
TRAININGS: Mapping[str, float] = {"johnson": 200, "johnson_plain": 95, "adain": 445}

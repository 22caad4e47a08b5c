from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from support.films import texture

pytest.importorskip("cv2")
from nst_core.video.flow import FlowEstimator, warp


@pytest.fixture
def flow() -> Iterator[FlowEstimator]:
    estimator = FlowEstimator()
    yield estimator
    estimator.close()


def test_a_shift_is_found_and_undone(flow: FlowEstimator) -> None:
    wide = texture(260, 120)
    before, now = wide[:, 4:204], wide[:, :200]  # the scene moved 4 pixels to the right
    motion = flow.between(flow.grey(before), flow.grey(now))
    assert not motion.cut
    inside = motion.reliable == 1
    assert inside[20:-20, 30:-30].mean() > 0.9
    assert np.abs(motion.backward[inside] - (-4, 0)).mean() < 0.3
    moved = warp(before.astype(np.float32), motion.backward)
    assert np.abs(moved[inside] - now[inside]).mean() < 4
    assert not inside[:, :4].any()  # it was not in the picture before


def test_what_was_uncovered_is_not_trusted(flow: FlowEstimator) -> None:
    back, front = texture(220, 140), texture(50, 50, seed=1)
    frames = []
    for left in (60, 76):
        frame = back.copy()
        frame[45:95, left : left + 50] = front
        frames.append(flow.grey(frame))
    motion = flow.between(*frames)
    uncovered = motion.trust[50:90, 62:74]
    assert uncovered.mean() < 0.2
    assert motion.trust[5:35, 20:200].mean() > 0.9


def test_other_light_is_trusted_less(flow: FlowEstimator) -> None:
    scene = texture(200, 120) // 2
    same = flow.between(flow.grey(scene), flow.grey(scene))
    lit = flow.between(flow.grey(scene), flow.grey(scene + 60))
    assert same.trust[8:-8, 8:-8].min() > 0.99
    assert lit.trust.mean() < 0.3


def test_a_cut_is_seen_and_a_fast_pan_is_not_one(flow: FlowEstimator) -> None:
    wide = texture(300, 120)
    before, now = flow.grey(wide[:, 10:210]), flow.grey(wide[:, :200])
    assert not flow.between(before, now).cut
    assert flow.between(before, flow.grey(texture(200, 120, seed=5))).cut


def test_a_flow_of_a_smaller_frame_moves_a_larger_one() -> None:
    picture = texture(160, 80).astype(np.float32)
    flow = np.zeros((40, 80, 2), np.float32)
    flow[..., 0] = 3  # of 80 columns: 6 of 160
    moved = warp(picture, flow)
    np.testing.assert_allclose(moved[:, :150], picture[:, 6:156], atol=1e-3)

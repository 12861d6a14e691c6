"""Which of two things lies before the other: T2I-CompBench's 3D rule, and depth models as judges."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import t2i_compbench
from benchmarks._harness.boxes import layered
from benchmarks._harness.depth import Depth, nearness
from benchmarks._harness.types import Asked
from poser.types import PoserError
from tests.benchmarks import test_field_drawing
from tests.benchmarks.field_world import Says

DOG, DESK = [0, 0, 10, 10], [0, 0, 10, 8]


def test_layers_need_the_right_order_and_an_overlap() -> None:
    assert layered("in front of", DOG, DESK, 0.1) == 1.0, "overlap 0.8"
    assert layered("in front of", DOG, DESK, -0.1) == layered("behind", DOG, DESK, 0.1) == 0.0
    assert layered("hidden by", DOG, [0, 0, 10, 2], -0.1) == pytest.approx(0.2 / 0.5)
    assert layered("behind", DOG, [20, 0, 30, 10], -0.1) == 0.0


def test_nearness_is_cut_out_by_rows_and_columns() -> None:
    depth = np.zeros((4, 8))
    depth[0:2, 6:8] = 10.0
    assert nearness(depth, (6, 0, 8, 2)) == 1.0 and nearness(depth, (0, 2, 2, 4)) == 0.0
    assert nearness(depth, (6, 0, 8, 2), turned=True) == 0.0
    assert math.isnan(nearness(depth, (8, 0, 9, 2))) and nearness(np.ones((4, 4)), (0, 0, 2, 2)) == 0.0


def test_compbench_scores_layers_from_boxes_and_depth(tmp_path: Path) -> None:
    bench = t2i_compbench.BENCHMARK
    data = test_field_drawing.compbench_data(tmp_path)
    item = next(item for item in bench.tasks(data) if item.group == "3d_spatial")
    seen = [{"label": n, "box": box, "score": 0.8} for n, box in (("dog", DOG), ("desk", DESK))]
    shown = [Image.new("RGB", (32, 32))]

    def score(near: list[float], boxes: list[Any] = seen, **more: Any) -> float:
        judge = Says(lambda ask: boxes if ask.kind == "boxes" else near, **more)
        return float(bench.score(item, shown, judge, 0)[-1].score)

    assert score([0.9, 0.2]) == pytest.approx(0.4 + 0.5) and score([0.2, 0.9]) == pytest.approx(0.4)
    assert score([0.9, 0.2], seen[:1]) == pytest.approx(0.2) and score([0.9, 0.2], []) == 0.0
    assert math.isnan(score([])) and math.isnan(score([0.9, 0.2], kinds=frozenset(("yes", "boxes"))))


def test_a_depth_model_of_transformers_is_a_judge(tmp_path: Path) -> None:
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessorPil

    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
    config = DPTConfig(
        **sizes,
        image_size=32,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    DPTForDepthEstimation(config).save_pretrained(tmp_path)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    judge = Depth({"model": str(tmp_path)})
    shown = (Image.effect_noise((48, 40), 80).convert("RGB"),)
    whole, none = judge(
        [Asked("i", "d", "depth", "0,0,20,20|20.5,10,48,40", shown), Asked("i", "d", "depth", "0,0,9,9")]
    )
    assert len(whole.value) == 2 and all(0.0 <= value <= 1.0 for value in whole.value) and none.value == []
    with pytest.raises(PoserError, match="judge depth: "):
        Depth({"model": str(tmp_path / "none")})([Asked("i", "d", "depth", "0,0,9,9", shown)])

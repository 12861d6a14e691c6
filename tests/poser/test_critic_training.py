"""What the critic learns from, how it is measured, and the trained one itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch

from experts.poster.reader import read
from experts.poster.render import render
from experts.poster.scene import UNKNOWN
from experts.poster.tasks import split_of
from experts.poster.train.critic import load
from experts.poster.train.critic_ask import answered, calibration, cells_of, measure, predictions, read_aloud
from experts.poster.train.critic_data import KIND_SHARES, any_scene, draw_question, missed, rendered
from experts.poster.train.critic_model import build_model, build_processor, prompt
from experts.poster.train.critic_outputs import _tagged, _trials, outputs
from experts.poster.train.critic_vision import HEADS, IGNORED, targets
from experts.poster.train.vae import to_tensor


def test_answers_are_true_and_balanced_and_the_words_are_known() -> None:
    rng, tokenizer = np.random.default_rng(1), build_processor().tokenizer
    seen: Counter = Counter()
    for sample in rendered(rng, 60):
        for _ in range(40):
            question, answer = draw_question(sample.scene, rng)
            assert question.holds(sample.scene) == answer
            assert tokenizer.unk_token_id not in tokenizer.encode(str(question))
            seen[question.kind, answer] += 1
    for kind in KIND_SHARES:
        assert 0.35 < seen[kind, True] / (seen[kind, True] + seen[kind, False]) < 0.6, kind


def test_training_never_sees_a_held_out_combination() -> None:
    rng = np.random.default_rng(2)
    for split in ("train", "validation"):
        assert {split_of(any_scene(rng, split)) for _ in range(100)} == {split}


def test_degraded_pictures_are_labelled_by_the_reader() -> None:
    worn = rendered(np.random.default_rng(3), 20, worn=1.0)
    assert all(sample.scene == read(sample.picture) for sample in worn)
    clean = rendered(np.random.default_rng(3), 20, worn=0.0)
    assert sum(sample.scene == read(sample.picture) for sample in clean) >= 19


def test_vision_targets_say_what_stands_where() -> None:
    scenes = [any_scene(np.random.default_rng(seed)) for seed in range(5)]
    table = targets(scenes)
    assert set(table) == set(HEADS)
    for row, scene in enumerate(scenes):
        for place in range(9):
            item = scene.at(place)
            assert int(table["there"][row, place]) == (item is not None)
            assert (int(table["shape"][row, place]) == IGNORED) == (item is None or item.shape == UNKNOWN)


def test_questions_in_one_row_are_blind_to_each_other() -> None:
    tokenizer = build_processor().tokenizer
    model, rng = build_model(tokenizer), np.random.default_rng(4)
    samples = rendered(rng, 3)
    asked = [[draw_question(sample.scene, rng)[0] for _ in range(5)] for sample in samples]
    rows = [[answered(question, True, tokenizer) for question in row] for row in asked]
    with torch.no_grad():
        together, _ = predictions(model, cells_of(model, samples), rows)
        alone = [
            model(
                **tokenizer(prompt(str(question)), return_tensors="pt"), pixel_values=to_tensor([sample.picture])
            ).logits[0, -1]
            for sample, row in zip(samples, asked, strict=True)
            for question in row
        ]
    assert torch.allclose(together, torch.stack(alone), atol=1e-5)


def test_reading_aloud_trains_every_word_but_the_place() -> None:
    tokenizer = build_processor().tokenizer
    scene = any_scene(np.random.default_rng(8))
    item = scene.items[0]
    text = read_aloud(scene, item.place, tokenizer)
    said = [label for label in text.labels if label >= 0]
    assert tokenizer.decode(said) == f"{item.size} {item.colour} {item.shape}"
    assert text.ids[1 - len(said) :] == said[:-1] and len(text.ids) == len(text.labels)
    assert tokenizer.decode(read_aloud(scene, scene.free()[0], tokenizer).labels[-1]) == "no"


def test_calibration_figures() -> None:
    truth = np.array([True] * 50 + [False] * 50)
    assert calibration(truth.astype(float), truth) == {"balanced": 1.0, "calibration_error": 0.0}
    assert calibration(np.full(100, 0.9), truth) == {"balanced": 0.5, "calibration_error": 0.4}
    lopsided = np.array([True] * 90 + [False] * 10)
    assert calibration(np.full(100, 0.9), lopsided)["balanced"] == 0.5


def test_requests_for_outputs() -> None:
    rng = np.random.default_rng(5)
    painted = [render(any_scene(rng, "test"), rng) for _ in range(4)]
    edits = _trials("image-to-image", "test", 30, rng, painted)
    assert all(len(request.images) == 1 for request, _ in edits)
    assert any(request.images[0] is picture for request, _ in edits for picture in painted)
    assert all(not request.images for request, _ in _trials("text-to-image", "test", 6, rng, painted))


def test_outputs_come_back_with_what_was_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    shown, wanted = any_scene(rng), any_scene(rng)
    render(shown).save(tmp_path / "train-a-0000.png", pnginfo=_tagged(wanted))
    render(wanted).save(tmp_path / "test-a-0000.png")
    (sample,) = outputs("train", tmp_path)
    assert sample.scene == shown and sample.wanted == wanted
    assert missed(sample) and not any(question.holds(shown) for question in missed(sample))
    (other,) = outputs("test", tmp_path)
    assert other.wanted is None and missed(other) == []


def test_the_trained_critic_answers_about_unseen_posters() -> None:
    model, rng = load(), np.random.default_rng(6)
    figures = measure(model, build_processor().tokenizer, rendered(rng, 100, "test", worn=0.0))
    assert figures["balanced"] >= 0.9 and figures["calibration_error"] <= 0.1

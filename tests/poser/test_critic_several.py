"""Critics made of critics, and the critic by CLIP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experts.images import squared
from experts.memory import Residency
from poser.critics import load
from poser.critics.cascade import Cascade
from poser.critics.clip import ClipCritic, calibrated
from poser.critics.ensemble import Ensemble
from poser.plugins import Context
from poser.runs import codec
from poser.types import Command, Critique, Look, PoserError
from tests.poser.tiny_clip import clip
from tests.poser.tiny_vlm import qwen3_vl

NAN = math.nan


@dataclass
class Says:
    """A critic that says what it was told, by the red value of the picture's first pixel; counts its looks."""

    id: str
    scores: Sequence[tuple[float, ...]]
    kept: float = NAN
    usd: float = 0.0
    asked: list[int] = field(default_factory=list)

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        marks = [int(look.image.getpixel((0, 0))[0]) for look in looks]  # type: ignore[index]
        self.asked += marks
        return [
            Critique(self.scores[mark], kept=self.kept, feedback=self.id, critic=self.id, usd=self.usd, seconds=1.0)
            for mark in marks
        ]


def look(mark: int, *texts: str) -> Look:
    return Look(Image.new("RGB", (8, 8), (mark, 0, 0)), None, None, (), tuple(map(Command, texts or ("x",))))


def test_an_ensemble_is_the_weighted_mean_and_knows_how_far_its_members_disagree() -> None:
    one, two = Says("one", [(0.2,), (0.5,), (NAN,), (NAN,)], 0.4, 0.1), Says("two", [(0.8,), (0.5,), (0.6,), (NAN,)])
    found = Ensemble([one, two])([look(k) for k in range(4)])
    assert [c.wanted[0] for c in found] == pytest.approx([0.5, 0.5, 0.6, NAN], nan_ok=True)
    assert [c.uncertainty for c in found] == pytest.approx([0.3, 0.0, NAN, NAN], nan_ok=True)
    assert all(c.kept == 0.4 and c.usd == 0.1 and c.seconds == 2.0 and c.feedback == "one; two" for c in found)
    weighted = Ensemble([one, two], [3, 1])
    assert weighted([look(0)])[0].wanted[0] == pytest.approx(0.35)
    assert weighted.id == "ensemble(3 * one + two)" == weighted([look(0)])[0].critic
    assert Ensemble([one])([]) == []


def test_a_cascade_asks_the_second_only_where_the_first_is_unsure() -> None:
    first = Says("cheap", [(0.9,), (0.5,), (0.1,), (NAN,), (0.95,)], usd=0.01)
    then = Says("dear", [(0.0,), (0.7,), (0.0,), (NAN,), (0.0,)], kept=0.3, usd=0.5)
    cascade = Cascade(first, then, (0.2, 0.8))
    found = cascade([look(k) for k in range(5)])
    assert first.asked == [0, 1, 2, 3, 4] and then.asked == [1, 3]
    assert [c.wanted[0] for c in found] == pytest.approx([0.9, 0.7, 0.1, NAN, 0.95], nan_ok=True)
    assert [c.usd for c in found] == pytest.approx([0.01, 0.51, 0.01, 0.51, 0.01])
    assert [c.seconds for c in found] == [1.0, 2.0, 1.0, 2.0, 1.0]
    assert found[1].uncertainty == pytest.approx(0.1) and math.isnan(found[0].uncertainty)
    assert {c.critic for c in found} == {"cascade(cheap, dear within 0.2-0.8)"} == {cascade.id}
    assert found[1].kept == 0.3 and found[1].feedback == "dear"


def test_where_the_second_has_no_verdict_the_first_one_stands() -> None:
    first, then = Says("a", [(0.5, NAN)]), Says("b", [(NAN, 0.9)])
    (found,) = Cascade(first, then)([look(0, "x", "y")])
    assert found.wanted == (0.5, 0.9)


def test_three_in_a_row() -> None:
    a, b, c = Says("a", [(0.5,), (0.9,)]), Says("b", [(0.5,), (0.9,)]), Says("c", [(0.6,), (0.0,)], usd=1.0)
    found = Cascade(a, Cascade(b, c))([look(0), look(1)])
    assert [x.wanted[0] for x in found] == [0.6, 0.9] and c.asked == [0] and found[0].seconds == 3.0


def test_uncertainty_goes_through_records() -> None:
    for value in (0.25, NAN):
        packed = codec.pack(Critique((0.5,), uncertainty=value), Critique, lambda _: None)
        back = codec.unpack(packed, Critique, lambda _: Image.new("RGB", (1, 1)))
        assert back.uncertainty == pytest.approx(value, nan_ok=True)
    old = {key: value for key, value in packed.items() if key != "uncertainty"}
    assert math.isnan(codec.unpack(old, Critique, lambda _: Image.new("RGB", (1, 1))).uncertainty)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    where = tmp_path_factory.mktemp("pairs")
    made = {"clip": clip(where / "clip"), "siglip": clip(where / "siglip", siglip=True)}
    (where / "vlm").mkdir()
    return made | {"vlm": qwen3_vl(where / "vlm")}


@pytest.fixture(scope="module")
def looks() -> list[Look]:
    rng = np.random.default_rng(3)
    texts = [("a red star", "Remove the cat"), ("Paint the wall green",), ("Add a hat", "a <|endoftext|> dog")]
    found = []
    for k, said in enumerate(texts):
        picture = Image.fromarray(rng.integers(0, 256, (40 + 8 * k, 48, 3), dtype=np.uint8))
        found.append(Look(picture, None, None, (Command("two blue cups"),), tuple(map(Command, said))))
    return found


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_clip_scores_are_what_its_authors_define(kind: str, folders: dict[str, Path], looks: list[Look]) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    critic = ClipCritic(str(folders[kind]), device="cpu")
    found = critic(looks)
    assert math.isnan(found[0].wanted[1]) and not math.isnan(found[0].wanted[0])  # no caption says 'gone'
    scores = [s for c in found for s in (*c.wanted, *c.earlier) if not math.isnan(s)]
    assert all(0 <= s <= 1 for s in scores) and np.std(scores) > 1e-4
    pair = critic.loaded()
    length = {"clip": 77, "siglip": 64}[kind]
    words = AutoTokenizer.from_pretrained(folders[kind])(
        ["a red star"], padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    pixels = pair.images(squared(looks[0].image), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        out = AutoModel.from_pretrained(folders[kind])(**words, pixel_values=pixels)
    cosine = float(out.image_embeds[0] @ out.text_embeds[0])
    expected = min(1.0, 2.5 * max(0.0, cosine)) if kind == "clip" else float(out.logits_per_image.sigmoid())
    assert found[0].wanted[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_the_list_changes_no_clip_score_and_a_bad_picture_costs_no_other(
    kind: str, folders: dict[str, Path], looks: list[Look]
) -> None:
    def scores(critiques: Sequence[Critique]) -> list[float]:
        return [s for c in critiques for s in (*c.wanted, *c.earlier)]

    together = ClipCritic(str(folders[kind]), device="cpu")(looks)
    alone = [ClipCritic(str(folders[kind]), device="cpu", batch=1)([one])[0] for one in looks]
    assert scores(together) == pytest.approx(scores(alone), abs=1e-5, nan_ok=True)
    bad = [replace(looks[1], image=image) for image in (None, Image.new("RGB", (0, 4)))]  # type: ignore[arg-type]
    mixed = ClipCritic(str(folders[kind]), device="cpu")([looks[0], *bad, looks[2]])
    assert all(map(math.isnan, scores(mixed[1:3])))
    assert scores([mixed[0], mixed[3]]) == pytest.approx(scores([together[0], together[2]]), abs=1e-5, nan_ok=True)


def test_calibration_stays_in_range() -> None:
    assert [calibrated(c) for c in (-1.0, 0.0, 0.2, 0.4, 1.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert calibrated(0.1, 100.0, -10.0) == pytest.approx(0.5) and 0 <= calibrated(-1.0, 1e6, -1e6) <= 1
    assert math.isnan(calibrated(NAN)) and math.isnan(calibrated(NAN, 1.0, 0.0))


def test_members_come_from_the_config_share_a_residency_and_keep_their_answers(
    folders: dict[str, Path], looks: list[Look], tmp_path: Path
) -> None:
    residency = Residency(device="cpu")
    config = {
        "first": {"name": "clip", "model": str(folders["clip"])},
        "then": {"name": "ensemble", "members": [{"name": "vqa", "model": str(folders["vlm"]), "weight": 2}]},
        "unsure": [0.0, 1.0],
    }
    cascade = load("cascade", config, Context(residency=residency, folder=tmp_path))
    found = cascade(looks)
    assert not any(math.isnan(c.score) for c in found) and len(residency.resident) == 2
    assert (tmp_path / "answers.sqlite").exists()
    assert cascade.id.startswith("cascade(clip:clip@") and "2 * vqa:vlm@" in cascade.id and "graph-1" in cascade.id
    assert cascade.requirements().models == (str(folders["clip"]), str(folders["vlm"]))
    again = load("cascade", config, Context(residency=residency, folder=tmp_path))(looks)
    assert [c.wanted for c in again] == [c.wanted for c in found]


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("cascade", {"first": {"name": "clip"}}, "cascade, then: None is no critic"),
        (
            "cascade",
            {"first": {"name": "clip"}, "then": {"name": "vqa"}, "unsure": [0.9, 0.1]},
            r"unsure is \[0.9, 0.1\]",
        ),
        ("cascade", {"second": 1}, "'second'; keys are first, then, unsure, answers"),
        ("cascade", {"first": {"name": "clap"}, "then": {"name": "vqa"}}, "no such critic 'clap'"),
        ("ensemble", {"members": []}, "members is empty"),
        ("ensemble", {"members": "vqa"}, "members is 'vqa'"),
        ("ensemble", {"members": [{"name": "vqa", "weight": 0}]}, "weight is 0"),
        ("ensemble", {"members": [{"name": "vqa", "wieght": 2}]}, "'wieght'"),
        ("ensemble", {"mode": "median"}, "'mode'"),
        ("clip", {"modle": "x"}, "'modle'"),
        ("clip", {"batch": 0}, "batch is 0"),
    ],
)
def test_wrong_settings_are_one_clear_line(name: str, config: dict, words: str) -> None:
    with pytest.raises(PoserError, match=words) as error:
        load(name, config)
    assert "\n" not in str(error.value)


def test_a_model_that_is_no_clip_is_refused(folders: dict[str, Path], looks: list[Look], tmp_path: Path) -> None:
    for folder in (folders["vlm"], tmp_path):
        with pytest.raises(PoserError) as error:
            ClipCritic(str(folder), device="cpu")(looks)
        assert "\n" not in str(error.value)

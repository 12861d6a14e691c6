"""The critic that asks a model: a tiny LLaVA with random weights, built here through the class of the trained one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experts.memory import Residency
from experts.poster.instruction import canonical, changed
from experts.poster.render import render
from experts.poster.scene import Scene
from experts.poster.tasks import Deck
from experts.poster.train.critic_model import build_model, build_processor
from poser.critics import load
from poser.critics.questions.asking import Ask
from poser.critics.vlm.model import Vlm
from poser.critics.vlm.yes_probability import Shared, conversation, encoded, plain
from poser.critics.vqa import VqaCritic
from poser.plugins import Context
from poser.types import Command, Critique, Look, PoserError

QUESTIONS = (
    "is there a big red star at the center?",
    "is the background white?",
    "are there exactly three small hearts?",
    "is there anything at the top right?",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("critic")
    processor = build_processor()
    model = build_model(processor.tokenizer)
    processor.save_pretrained(where)
    model.half().save_pretrained(where)
    return where


@pytest.fixture(scope="module")
def looks() -> list[Look]:
    rng = np.random.default_rng(0)
    found = []
    for task in Deck("train").first(5):
        commands = [Command(canonical(one), meaning=one, order=k) for k, one in enumerate(task.instructions)]
        start = render(task.start, rng) if task.start else None
        found.append(Look(render(task.target, rng), start, None, tuple(commands[:-1]), (commands[-1],)))
    return found


def numbers(critique: Critique) -> list[float]:
    return [*critique.wanted, *critique.earlier, critique.kept, *(answer.yes for answer in critique.answers)]


def same(one: Critique, other: Critique) -> bool:
    return one.feedback == other.feedback and numbers(one) == pytest.approx(numbers(other), abs=1e-5, nan_ok=True)


def test_the_network_is_small_and_its_answers_are_not_all_the_same(folder: Path, looks: list[Look]) -> None:
    vlm = Vlm(folder)
    answers = [said.yes for said in vlm.ask([Ask(look.image, question) for look in looks for question in QUESTIONS])]
    assert all(0 < p < 1 for p in answers) and np.std(answers) > 0.01
    assert sum(p.numel() for p in vlm.loaded().model.parameters()) <= 2_000_000


def test_sharing_a_picture_changes_no_answer(folder: Path, looks: list[Look]) -> None:
    loaded = Vlm(folder).loaded()
    asks = [Ask(look.image, question) for look in looks for question in QUESTIONS]
    expected = plain(loaded, asks, 10**6)
    assert Shared(loaded)(asks, 10**6) == pytest.approx(expected, abs=1e-5)
    assert Shared(loaded)(asks, 30) == pytest.approx(expected, abs=1e-5)
    assert plain(loaded, asks, 1) == pytest.approx(expected, abs=1e-5)


def test_the_processor_writes_what_training_wrote(folder: Path, looks: list[Look]) -> None:
    from experts.poster.train.critic_model import prompt
    from experts.poster.train.vae import to_tensor

    loaded = Vlm(folder).loaded()
    batch = encoded(loaded, Ask(looks[0].image, QUESTIONS[0]))
    assert batch["input_ids"][0].tolist() == loaded.processor.tokenizer.encode(prompt(QUESTIONS[0]))
    assert float((batch["pixel_values"].cpu() - to_tensor([looks[0].image]).cpu()).abs().max()) < 1e-6
    assert conversation(Ask(looks[0].image, "?"))[0]["role"] == "user"


def test_the_list_changes_no_verdict(folder: Path, looks: list[Look]) -> None:
    together = VqaCritic(folder)(looks)
    assert len(together) == len(looks) and all(critique.seconds > 0 for critique in together)
    for look, critique in zip(looks, together, strict=True):
        assert same(VqaCritic(folder, token_budget=40)([look])[0], critique)
    back = VqaCritic(folder)(looks[::-1])
    assert all(same(one, other) for one, other in zip(together, back[::-1], strict=True))
    assert VqaCritic(folder)([]) == []


def test_scores_are_in_range_and_the_id_names_weights_and_questions(folder: Path, looks: list[Look]) -> None:
    critic = VqaCritic(folder)
    for look, critique in zip(looks, critic(looks), strict=True):
        assert len(critique.wanted) == len(look.wanted) and len(critique.earlier) == len(look.earlier)
        assert all(0 <= score <= 1 for score in critique.wanted + critique.earlier)
        assert math.isnan(critique.kept) == (look.start is None)
        assert critique.critic == critic.id and critique.usd == 0
    assert critic.id.startswith(f"vqa:{folder.name}@") and critic.id.endswith(":poster-2")


def test_what_was_asked_is_remembered(folder: Path, looks: list[Look], monkeypatch: pytest.MonkeyPatch) -> None:
    critic = VqaCritic(folder)
    first = critic(looks)
    monkeypatch.setattr(critic.model, "_forward", lambda *_: pytest.fail("asked again"))
    copy = [replace(look, image=look.image.copy()) for look in looks]
    assert all(same(one, other) for one, other in zip(first, critic(copy), strict=True))


class Odd(Vlm):
    """A model that breaks on one picture, or has no finite answer about it."""

    bad: Image.Image
    answer: float | None = None

    def _forward(self, loaded: object, asks: list[Ask]) -> list[float]:  # type: ignore[override]
        if not any(ask.picture is self.bad for ask in asks):
            return super()._forward(loaded, asks)  # type: ignore[arg-type]
        if self.answer is None:
            raise RuntimeError("out of memory")
        return [self.answer if ask.picture is self.bad else 0.25 for ask in asks]


@pytest.mark.parametrize("answer", [None, math.nan, math.inf])
def test_one_bad_picture_costs_only_its_own_verdict(folder: Path, looks: list[Look], answer: float | None) -> None:
    vlm = Odd(folder)
    vlm.bad, vlm.answer = looks[1].image, answer
    found = VqaCritic(vlm)(looks)
    for k, (look, critique) in enumerate(zip(looks, found, strict=True)):
        assert len(critique.wanted) == len(look.wanted)
        assert all(math.isnan(score) == (k == 1) for score in critique.wanted)


def test_no_picture_and_a_broken_look_have_no_verdict(folder: Path, looks: list[Look]) -> None:
    nothing = replace(looks[0], image=None)  # type: ignore[arg-type]
    broken = replace(looks[2], wanted=(None,))  # type: ignore[arg-type]
    found = VqaCritic(folder)([nothing, looks[1], broken])
    assert math.isnan(found[0].score) and math.isnan(found[2].score) and not math.isnan(found[1].score)
    assert "no verdict" in found[2].feedback


def test_words_that_the_model_does_not_know_have_no_verdict(folder: Path, looks: list[Look]) -> None:
    poem = replace(looks[0], earlier=(), wanted=(Command("write me a poem"),))
    for questions in ("poster", "generic"):
        assert math.isnan(VqaCritic(folder, questions)([poem])[0].score)


def test_it_lives_in_a_residency(folder: Path, looks: list[Look]) -> None:
    residency = Residency(device="cpu")
    critic = load("vqa", {"model": str(folder), "questions": "poster"}, Context(residency=residency))
    assert residency.resident == ()
    (critique,) = critic(looks[:1])
    assert residency.resident == (f"critic:{folder}",) and not math.isnan(critique.score)


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("vlm", {}, "'vlm'.*vqa"),
        ("vqa", {"modle": "x"}, "'modle'.*model, questions"),
        ("vqa", {"model": "x", "questions": "prose"}, "'prose'.*poster, generic, graph"),
        ("vqa", {"model": "x", "token_budget": 0}, "token_budget is 0"),
    ],
)
def test_wrong_settings_are_one_clear_line(name: str, config: dict, words: str) -> None:
    with pytest.raises(PoserError, match=words) as error:
        load(name, config)
    assert "\n" not in str(error.value)


def test_a_model_that_is_not_there_and_labels_that_are_no_tokens(
    tmp_path: Path, folder: Path, looks: list[Look]
) -> None:
    with pytest.raises(PoserError, match="critic.model"):
        VqaCritic(tmp_path)(looks[:1])
    with pytest.raises(PoserError, match="critic.yes"):
        VqaCritic(folder, yes="certainly")(looks[:1])


def test_the_embedded_critic_tells_right_from_wrong() -> None:
    rng, right, wrong = np.random.default_rng(1), [], []
    for task in Deck("test").first(20):
        commands = [Command(canonical(one), meaning=one, order=k) for k, one in enumerate(task.instructions)]
        start = render(task.start, rng) if task.start else None
        before = changed(task.start, task.instructions[:-1]) if len(commands) > 1 else Scene(task.target.background)
        good = Look(render(task.target, rng), start, None, tuple(commands[:-1]), (commands[-1],))
        right.append(good)
        wrong.append(replace(good, image=render(before, rng)))
    critic = load("vqa")
    better = [one.score > other.score for one, other in zip(critic(right), critic(wrong), strict=True)]
    assert sum(better) >= 18
    assert critic.id.startswith("vqa:critic@")

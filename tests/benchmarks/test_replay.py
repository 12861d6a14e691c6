"""Replay: recorded outcomes go through the same transition; rules and figures are what arithmetic says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.replay import orders
from benchmarks.replay.__main__ import compared, fits, main, played
from benchmarks.replay.deck import DECKS, VERBS, Deck, Item
from benchmarks.replay.world import Replay, folds, picture, shown
from poser.learned.embedders import embedder
from poser.types import PoserError

EDITORS = ("brush", "pix", "wand")
SHARED = Path(__file__).parents[3] / "shared" / "bench_data"


def outcomes(kind: str, number: int) -> tuple[str, ...]:
    """'brush' can remove and recolour, 'pix' everything else, 'wand' what both fail at, now and then."""
    good, failed = "brush" if kind in ("ObjectRemoval", "ColorAlteration") else "pix", number % 3 == 0
    return tuple("Yes." if name == ("wand" if failed else good) else "no" for name in EDITORS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """I2EBench, GenAI-Bench and DSG in their true layout, written by hand."""
    for kind in VERBS:
        for k, name in enumerate(EDITORS):
            entries = {
                str(n): {"prompt": f"{kind} {n}", "final_judgement": outcomes(kind, n)[k], "evaluation": {}}
                for n in range(12)
            }
            if kind == "Counting" and name == "wand":
                del entries["5"]
            path = tmp_path / "i2ebench" / "EditEval" / kind / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(entries))
    folder = tmp_path / "genai"
    folder.mkdir()
    prompts = {
        f"{n:05}": {"prompt": f"A cat, {n}.", "models": {"A": [5, 4, 4], "B": [1, n % 5 + 1, 2]}} for n in range(30)
    }
    (folder / "genai_image.json").write_text(json.dumps(prompts))
    (folder / "genai_skills.json").write_text(json.dumps({"basic": list(range(20)), "counting": list(range(20, 30))}))
    with (tmp_path / "dsg-1k-anns.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["item_id", "text"], *([f"i{n}", f"A dog, {n}"] for n in range(10))])
    for name in ("pali17b_dsg", "mplug_dsg"):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            rows = [[f"i{n}", model, "yes" if model == "sd" else "no"] for n in range(10) for model in ("sd", "vq")]
            csv.writer(file).writerows([["item_id", "t2i_model", "answer"], *rows])
    return tmp_path


def test_decks_read_their_formats(data: Path) -> None:
    deck = DECKS["i2ebench"](data)
    assert deck.experts == EDITORS and len(deck.items) == 6 * 12 - 1, "an item that an editor lacks is left out"
    assert {item.verb for item in deck.items} == set(VERBS.values())
    assert deck.table("judged").mean() == pytest.approx(1 / 3)
    genai = DECKS["genai-bench"](data)
    assert genai.items[0].seen == (1.0, 0.0) and genai.items[0].judged == (0.75, 0.125)
    assert [sum(item.group == name for item in genai.items) for name in ("basic", "counting")] == [20, 10]
    assert DECKS["dsg"](data).table("judged").mean(axis=0).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("deck", DECKS)
def test_missing_or_damaged_data_is_one_line(deck: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none"), "--deck", deck, "--seeds", "0"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "--data" in told


def test_pictures_say_what_they_stand_for() -> None:
    for item, expert in ((0, -1), (255, 0), (70_000, 7)):
        assert shown(picture(item, expert)) == (item, expert)


def test_an_order_adds_what_the_others_lack() -> None:
    seen = np.asarray([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], float)
    assert [k for k, _ in orders.order(seen)] == [0, 2, 1]
    assert [gain for _, gain in orders.lasting(orders.order(seen), seen, 0.5)] == pytest.approx([0.5, 0.5, 0.0])


def test_every_picture_goes_through_the_transition(data: Path) -> None:
    deck = DECKS["i2ebench"](data)
    replay = Replay(deck)
    learn, test = folds(replay)[0]
    policy = orders.by_group(replay, learn, grouped=True)
    first = played(replay, policy, test, 1, 0.0)
    assert [score for score, _ in first] == [
        float(item.seen[EDITORS.index("brush" if item.group in ("ObjectRemoval", "ColorAlteration") else "pix")])
        for item in (deck.items[k] for k in test)
    ]
    third = played(replay, policy, test, 3, 0.0)
    assert all(score == 1.0 for score, _ in third), "what the first editor fails at, another one can do"
    assert all(count == 1 for (_, count), (score, _) in zip(third, first, strict=True) if score == 1.0)
    dear = played(replay, policy, test, 3, 2.0)
    assert all(count == 0 for _, count in dear), "a call that costs more than it gains is not made"


def test_a_wrong_critic_costs_and_stays_the_same(data: Path) -> None:
    deck = DECKS["i2ebench"](data)
    right, wrong = Replay(deck), Replay(deck, error=0.3)
    numbers = range(len(deck.items))
    differ = (right.seen(numbers) != wrong.seen(numbers)).mean()
    assert 0.2 < differ < 0.4 and (wrong.seen(numbers) == Replay(deck, error=0.3).seen(numbers)).all()


def test_measures_keep_the_best_edit() -> None:
    items = tuple(Item(f"a{k}", f"edit {k}", "Haze", "other", (0.2, 0.6), (0.2, 0.6)) for k in range(20))
    replay = Replay(Deck("measures", "image-to-image", ("a", "b"), items, enough=1.0))
    policy = orders.by_group(replay, range(20), grouped=False)
    assert played(replay, policy, [0, 1], 2, 0.0) == [(0.6, 2), (0.6, 2)]


def test_a_learned_policy_beats_chance_by_kind(data: Path, tmp_path: Path) -> None:
    deck = DECKS["i2ebench"](data)
    made = fits(embedder("hash"), 120, 1, 0.3, tmp_path / "policies")
    rows = compared(deck, {name: made[name] for name in ("random", "dqn:0")}, [0.0], [0.0])
    mean = {(row["policy"], row["tries"]): float(np.mean(row["scores"])) for row in rows}
    assert mean["dqn:0", 1] > mean["random", 1] + 0.1


def test_the_command_prints_tables(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        "--data",
        str(data),
        "--deck",
        "genai-bench",
        "--seeds",
        "0",
        "--errors",
        "0",
        "--prices",
        "0",
        "--embedder",
        "hash",
    ]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "30 items, 2 experts" in told and "| per-kind | 0.750" in told


@pytest.mark.skipif(not SHARED.is_dir(), reason="the released outcomes are not beside the project")
def test_released_outcomes_give_their_known_figures() -> None:
    deck = DECKS["i2ebench"](SHARED)
    assert len(deck.items) == 823 and deck.table("judged").mean(axis=0).max() == pytest.approx(0.475, abs=5e-4)
    replay, tries = Replay(deck), {1: 0.526, 2: 0.673, 3: 0.735}
    for count, known in tries.items():
        scores = [
            score
            for learn, test in folds(replay)
            for score, _ in played(replay, orders.by_group(replay, learn, grouped=True), test, count, 0.0)
        ]
        assert float(np.mean(scores)) == pytest.approx(known, abs=0.015), "the folds differ from those of the finding"


def test_an_unknown_editor_set_is_refused(data: Path) -> None:
    (data / "i2ebench" / "EditEval" / "Counting" / "wand.json").unlink()
    with pytest.raises(PoserError, match="different editors"):
        DECKS["i2ebench"](data)

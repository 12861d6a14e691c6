"""Skills without training: `dqn:untrained` follows the cards, and what a probe measured wins over what a card says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from experts.types import Card, Skill
from poser import policies
from poser.actions import ActionSet
from poser.config import load
from poser.learned.skills import measured
from poser.roster import playable, registry_of
from poser.types import Budget, Command, Plan, PoserError, Price, State, Task

PICTURE = Image.new("RGB", (32, 32), "red")


def card(id: str, mode: str, **skills: float) -> Card:
    return Card(id, mode, f"{id}.", skills={kind: Skill(score, "test") for kind, score in skills.items()})  # type: ignore[arg-type]


DRAWS = Card("draws", "text-to-image", "Draws.", skills={"generate:0": Skill(0.95, "test")})
CARDS = [DRAWS, card("good", "image-to-image", add=0.8, all=0.3), card("other", "image-to-image", add=0.6, all=0.95)]


def state(more: int = 0, tried: tuple[str, ...] = (), price: Price = Price()) -> State:  # noqa: B008  (frozen)
    commands = [Command(f"add thing {k}", verb="add") for k in range(1 + more)]
    plan = Plan(current=commands[0], remaining=tuple(commands[1:]))
    task = Task("x", None, 0, Budget(6), price=price)
    return State(task, plan, image=PICTURE, attempts=len(tried), tried=tried)


def chosen(at: State, cards: list[Card] = CARDS) -> str:
    actions = ActionSet.of(cards)
    policy = policies.load("dqn:untrained", actions)
    assert policy.id == "dqn:untrained"
    return str(actions.slots[policy([at], actions.mask([at]))[0]])


def test_without_training_it_asks_the_most_skilled_then_another_and_draws_anew_at_last() -> None:
    assert chosen(state()) == "good/current"
    assert chosen(state(tried=("good",))) == "other/current"
    assert chosen(state(tried=("good", "other"))) == "good/current"
    assert chosen(state(tried=("good", "other", "good"))) == "draws/current"


def test_several_at_once_where_that_scores_higher() -> None:
    assert chosen(state(more=1)) == "other/all"  # .95 for several against .8 for one
    weaker = [*CARDS[:2], replace(CARDS[2], skills={**CARDS[2].skills, "all": Skill(0.85, "test")})]
    assert chosen(state(more=1), weaker) == "good/current"


def test_a_call_costs_its_price_and_it_stops_where_nothing_is_worth_one() -> None:
    dear = [DRAWS, replace(CARDS[1], usd=0.2), CARDS[2]]
    assert chosen(state(), dear) == "good/current"
    assert chosen(state(price=Price(usd=2.0)), dear) == "other/current"
    assert chosen(state(price=Price(second=10.0))) == "stop"


def test_dqn_alone_is_the_shipped_policy_where_it_knows_an_expert_and_the_cards_elsewhere() -> None:
    names = {preset: playable(registry_of(load(preset))) for preset in ("poster", "local-24gb", "mixed")}
    ids = {preset: policies.load("dqn", ActionSet.of(cards)).id for preset, cards in names.items()}
    assert ids["poster"].startswith("dqn:poster@") and ids["local-24gb"] == ids["mixed"] == "dqn:untrained"
    with pytest.raises(PoserError, match="shipped are poster, untrained"):
        policies.load("dqn:nowhere", ActionSet.of(CARDS))


def scores(file: Path, **experts: dict[str, float]) -> Path:
    rows = {
        id: {kind: {"score": s, "n": 8, "seconds": 1.0} for kind, s in kinds.items()} for id, kinds in experts.items()
    }
    file.write_text(json.dumps({"skill_scores": rows}))
    return file


def test_a_probe_wins_over_the_card(tmp_path: Path) -> None:
    file = scores(tmp_path / "probed.json", good={"add": 0.1, "remove": 0.5}, stranger={"add": 1.0})
    cards = measured(CARDS, file)
    assert cards[1].skills == {
        "add": Skill(0.1, "probe, 8 calls"),
        "remove": Skill(0.5, "probe, 8 calls"),
        "all": Skill(0.3, "test"),
    }
    assert [cards[0], cards[2]] == [CARDS[0], CARDS[2]]
    assert chosen(state()) == "good/current" and chosen(state(), cards) == "other/current"
    with pytest.raises(PoserError, match="no such kind of command 'fly'; kinds are generate:0"):
        measured(CARDS, scores(tmp_path / "wrong.json", good={"fly": 0.5}))


def test_a_config_names_the_file_of_the_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores(tmp_path / "probed.json", sdxl={"generate:0": 1.0})
    (tmp_path / "mine.yaml").write_text("extends: local-24gb\nskills: probed.json\n")
    cards = {card.id: card for card in playable(registry_of(load(tmp_path / "mine.yaml")))}
    assert cards["sdxl"].skills["generate:0"] == Skill(1.0, "probe, 8 calls")
    assert cards["sdxl"].skills["generate:4"].source.startswith("DPG-Bench")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoserError, match="holds no skill scores"):
        registry_of(load("local-24gb", {"skills": "none.json"}))

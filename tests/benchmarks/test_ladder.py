"""The ladder on fake experts: what it charges, what it judges, what its figures mean; statistics on known values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import poster
from benchmarks._results import plain
from benchmarks.ladder import __main__ as ladder
from benchmarks.ladder import changes, oracle, picture
from benchmarks.ladder.chosen import Chosen, order, pairs
from benchmarks.ladder.episodes import COLUMNS, Row, rows
from benchmarks.ladder.figures import compared, oracle_share, scope, wins, within
from benchmarks.ladder.rungs import Rung, all_rungs
from benchmarks.ladder.school import School
from benchmarks.ladder.ship import median
from benchmarks.ladder.table import markdown
from benchmarks.ladder.world import LOOK, Charged, Timed, World
from experts.poster.reader import read
from experts.types import Card, Failure, Job, Request, Result
from poser import config as configs
from poser.learned.embedders import HashEmbedder
from poser.learning.tasks.poster import to_task
from poser.learning.train_config import DQN
from poser.mdp import MDP, seed_of
from poser.policies.random import Random
from poser.types import Critique, PoserError, Price
from poser.wording import load as wording
from tests.poser.world import HashCritic, make


class Guess:
    """A policy with values: a hash of task, turn and slot."""

    def __init__(self, salt: str) -> None:
        self.id = f"guess:{salt}"

    def values(self, states, mask):  # noqa: ANN001, ANN201
        table = [[seed_of(s.task, s.turn, f"{self.id}{k}") for k in range(mask.shape[1])] for s in states]
        return np.where(mask, table, -np.inf)

    def __call__(self, states, mask):  # noqa: ANN001, ANN204
        return [int(k) for k in self.values(states, mask).argmax(axis=1)]


class Seeing(HashCritic):
    """Reads pictures exactly; its scores are hashes."""

    def _one(self, look):  # noqa: ANN001, ANN202
        return Critique((), seen=read(look.image)) if look.read else super()._one(look)


@dataclass(frozen=True)
class Pretend(School):
    """Notes what it is asked to train."""

    asked: list[tuple] = field(default_factory=list)

    def train(self, mdp, config, folder, start):  # noqa: ANN001, ANN201
        self.asked.append((config, dict(mdp.weights), self.world.rules, len(self.world.cards), start))
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "policy.json").write_text("{}")
        return folder / "inner"

    def load(self, folder):  # noqa: ANN001, ANN201
        assert (folder / "policy.json").exists()
        return Guess(folder.parent.name)

    def tell(self, folder, scores, to):  # noqa: ANN001, ANN201
        to.mkdir(exist_ok=True)
        (to / "policy.json").write_text(json.dumps(scores))
        return to


@pytest.fixture
def world(tmp_path: Path) -> World:
    return small(tmp_path)


def small(folder: Path) -> World:
    mdp = make(2, 2)
    cards = {k: replace(c, seconds=0.25, usd=0.5) for k, c in mdp.actions.cards.items()}
    return World(
        Charged(mdp.pool, cards),
        Timed(Seeing()),
        tuple(cards.values()),
        wording("plain"),
        configs.Rules(steps=4),
        tuple(poster.tasks("test", 4)),
        folder,
        calls=40,
        size=(96, 96),
        embedder=HashEmbedder(),
        seats=8,
        steps=4,
    )


def row(rung: str, seed: int, task: str, share: float, **more) -> Row:  # noqa: ANN003
    whole = float(share == 1)
    return Row(rung, seed, task, "short", "i2i", 3, share, share, whole, 1.0, share, 1.0, 2.0, 0.5, 0.0, (), **more)


def part(rung: str, *shares: float, seed: int = 0) -> list[Row]:
    return [row(rung, seed, f"i2i-{k}", share) for k, share in enumerate(shares)]


# what is charged


def test_pictures_cost_what_their_card_declares_whoever_made_them_first() -> None:
    card = Card("a", "text-to-image", "x", seconds=2.0, usd=0.25)
    image = to_task(poster.tasks("test", 1, kind="i2i")[0]).image
    answers = [
        Result(image, seconds=0.0, usd=0.0, cached=True),
        Result(image, seconds=9.0, usd=1.0),
        Result(failure=Failure("timeout", "slow"), seconds=60.0, usd=0.1),
        Result(failure=Failure("unavailable", "gone"), seconds=3.0),
    ]

    class Pool:
        def run(self, jobs):  # noqa: ANN001, ANN202
            return answers

    found = Charged(Pool(), {"a": card}).run([Job("a", Request("x"))] * 4)
    assert [(r.seconds, r.usd, r.cached) for r in found] == [
        (2.0, 0.25, False),
        (2.0, 0.25, False),
        (2.0, 0.1, False),
        (0.0, 0.0, False),
    ]


def test_a_rung_costs_the_same_however_often_it_runs(world: World) -> None:
    one = rows(world, "random", 0, world.mdp(), Random())
    two = rows(world, "random", 0, world.mdp(), Random())
    assert repr(one) == repr(two)  # NaN where nothing was to be kept
    for found in one:
        before = 2 * LOOK if found.kind == "i2i" else 0.0  # what the input picture shows, and what is taken for granted
        assert found.seconds == pytest.approx(before + found.calls * (0.25 + LOOK)) and found.calls <= 4
        assert [point[0] for point in found.curve][0] == 0 and found.curve[-1][3] == pytest.approx(found.share)


def test_a_circular_judge_is_refused(monkeypatch, world: World) -> None:  # noqa: ANN001
    class Circular:
        id = "reader:1"

    class Fake:
        config, mdp = None, replace(world, critic=Circular()).mdp()

    monkeypatch.setattr("poser.agent.Poser.from_pretrained", lambda *args, **more: Fake)
    with pytest.raises(PoserError, match="judge"):
        World.of("poster", 1, 1, world.folder)


# the oracle


def test_the_oracle_is_never_beaten_by_what_it_could_have_played(world: World) -> None:
    world = replace(world, asked=world.asked[:3], steps=3)
    found = {
        r.id: rows(world, r.id, 0, *r.build(0))
        for r in all_rungs(Pretend(world), 1, width=99)
        if r.id in ("random", "rules", "oracle")
    }
    for name in ("random", "rules"):
        for best, other in zip(found["oracle"], found[name], strict=True):
            assert best.worth >= other.worth - 1e-9
            assert best.calls <= 3


def test_the_oracle_finds_the_one_way_and_stops_there(world: World) -> None:
    mdp, task = world.mdp(), world.task(world.asked[0])
    wanted = [1, 2] if task.image is None else [5, 6]

    def judge(_: int, state) -> float:  # noqa: ANN001
        path = [] if state.last is None else [mdp.actions.slots.index(state.last)]
        return {0: 0.1, 1: 0.5, 2: 0.9}[state.turn] if state.turn < 3 and (not path or path[0] in wanted) else 0.0

    (slots,) = oracle.search(mdp, [task], judge, width=50)
    assert len(slots) == 2 and slots[-1] in wanted
    script = oracle.Script({task.id: slots})
    (found,) = rows(world, "oracle", 0, mdp, script, asked=world.asked[:1])
    assert found.calls == 2


# what is chosen on training tasks


def test_order_says_who_is_asked_first(world: World) -> None:
    actions = world.actions
    pair = pairs(actions)[0]
    names = [str(actions.slots[k]) for k in order(actions, pair, "all")]
    assert names == ["fake-tint-1/all", "fake-tint-1/current", "fake-draw-1/all", "fake-draw-1/current"]
    assert [str(actions.slots[k]) for k in order(actions, pair, "current", True)][0] == "fake-draw-1/current"


def test_fixed_choices_are_made_on_training_tasks_within_the_calls(world: World, monkeypatch) -> None:  # noqa: ANN001
    asked: list[str] = []
    real = poster.tasks
    monkeypatch.setattr(poster, "tasks", lambda split, n, **k: asked.append(split) or real(split, n, **k))
    chosen = Chosen(world)
    shares = {}
    for pair in pairs(world.actions):
        policy = chosen._pair(pair)
        part = rows(world, "x", 0, world.mdp(), policy, asked=real("train", 4))
        shares[policy.id] = np.mean([r.worth for r in part])
    assert shares[chosen.fixed.id] == max(shares.values())
    assert chosen.whole.id.startswith("whole:") and chosen.looks[1].id.startswith("best-of-3:")
    assert set(asked) == {"train"}
    assert chosen.table.id.startswith("per-verb@")


# the whole


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory):  # noqa: ANN201
    """A whole run with two seeds: its school, its figures, its rows."""
    asked = ladder.arguments(["--quick", "--ablate", "--new-expert", "fake-tint-2"])
    asked.seeds, asked.oracle_tasks = 2, 3
    school = Pretend(small(tmp_path_factory.mktemp("ladder")))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("POSER_PLANNER_MODEL", raising=False)
        names = ("without guard", "discount 0", "target copied every 200")
        patch.setattr(changes, "ABLATIONS", tuple(c for c in changes.ABLATIONS if c.name in names))
        figures, found = ladder.measure(school, asked)
    return school, plain(figures), [row.to_json() for row in found]


def test_the_ladder_from_end_to_end(climbed, tmp_path: Path) -> None:  # noqa: ANN001
    school, figures, lines = climbed
    json.dumps(figures, allow_nan=False)
    names = set(figures["rungs"])
    assert {"random", "best-fixed", "per-verb", "bandit", "rules", "best-of-n", "paper-dqn", "dqn"} <= names
    assert {"dqn+best-of-2", "oracle", "fixed:fake-draw-1+fake-tint-2"} <= names and "planner" not in names
    assert figures["skipped"] == ["planner: no endpoint is configured"]
    assert len(figures["rungs"]["dqn"]["seeds"]) == 2 and figures["rungs"]["dqn"]["share"]["n"] == 8
    assert all(row["calls"]["mean"] <= 4 for row in figures["rungs"].values())
    assert set(figures["ours_minus"]) == set(figures["ours_against"]) == names - {"dqn"}
    assert {"two-lines", "table", "bandit+cards", "untrained", "clone", "ppo"} <= names
    assert figures["rungs"]["oracle"]["worth"]["n"] == 3 and figures["ours_minus"]["oracle"]["n"] == 2 * 3
    assert all(0 < row["holm"] <= 1 and row["p"] <= row["holm"] for row in figures["ours_minus"].values())
    assert set(figures["classes"]) == {"short"} and len(figures["classes"]["short"]["minus"]) == 4
    assert list(figures["ablations"])[0] == "as it is" and len(figures["ablations"]) == 4
    assert set(figures["new_expert"]["worth"]) == {"without", "added", "probed", "after", "trained with it"}
    rungs = {rung.id: rung.seeds for rung in all_rungs(school, 2)}
    assert len(lines) == 4 * (sum(rungs.values()) + 2 * 4) - 1  # the oracle plays three of four tasks
    text = markdown(figures)
    assert all(f"`{name}`" in text for name in ("dqn", "oracle", "random")) and "nan" not in text
    for draw in (picture.draw, picture.draw_profiles):
        assert draw(figures, tmp_path / "docs" / f"{draw.__name__}.png").stat().st_size > 10_000


def test_what_is_trained_gets_its_own_seed_config_and_rules_and_is_trained_once(climbed) -> None:  # noqa: ANN001
    world, asked = climbed[0].world, climbed[0].asked
    ours = [entry for entry in asked if entry[0].network == "slot" and entry[2] == world.rules and entry[3] == 4]
    ours = [entry for entry in ours if entry[0].algorithm == "dqn"]
    alike = [entry for entry in ours if entry[0].model_copy(update={"seed": 0}) == ours[0][0]]
    assert len(alike) == 2  # two seeds, shared by all rungs that need them
    assert {e[0].seed for e in asked} == {0, 1} and all(e[1] == e[0].reward for e in asked)
    assert {e[0].total_timesteps for e in asked} == {40, changes.MORE}
    assert any(not e[2].guard for e in asked) and any(e[0].algorithm == "ppo" for e in asked)
    after = [e for e in asked if e[4] is not None]
    assert len(after) == 2 and all(e[0].learning_starts == 0 and e[3] == 4 for e in after)
    assert len([e for e in asked if e[3] == 3]) == 2


def test_ablations_that_could_tell_nothing_are_refused() -> None:
    with pytest.raises(PoserError, match=r"--calls 1000 copies the target network 15 times, ablations need 20; give"):
        changes.tells(1000)
    changes.tells(2000)
    base = DQN.model_copy(update=dict(changes.BASE.train_config))
    assert changes.copies(base, 2000) == int(0.5 * (2000 - 256)) // 25


def test_published_rows_are_small_and_whole(world: World) -> None:
    (one,) = part("dqn", 0.12345)
    assert one.published() == ["i2i-0", "dqn", 0, 0.1235, 0.1235, 0.0, 1.0, 2.0, 0.5, 1.0]
    assert len(one.published()) == len(COLUMNS) and one.false_claim == 1.0
    assert math.isnan(replace(one, claim=0.0).false_claim)


def test_the_median_seed_ships() -> None:
    assert [median(values) for values in ([1.0], [2.0, 1.0], [3.0, 1.0, 2.0], [0.1, 0.9, 0.5, 0.4, 0.6])] == [
        0,
        1,
        2,
        2,
    ]


def test_one_rung_is_one_entry(world: World) -> None:
    added = Rung("mine", "a newcomer", lambda seed: (world.mdp(), Random()))
    assert [r.id for r in ladder.picked([*all_rungs(Pretend(world), 1), added], ["mine"])] == ["mine"]
    assert len(ladder.climb(world, [added])["mine"]) == len(world.asked)
    with pytest.raises(PoserError, match="no such rung: 'dqm'"):
        ladder.picked(all_rungs(Pretend(world), 1), ["dqm"])


def test_what_was_played_is_not_played_again(world: World) -> None:
    built: list[int] = []

    def build(seed: int) -> tuple[MDP, Random]:
        built.append(seed)
        return world.mdp(), Random()

    rungs = [Rung("mine", "a newcomer", build, seeds=2)]
    first = ladder.climb(world, rungs)
    assert repr(ladder.climb(world, rungs)) == repr(first) and built == [0, 1]  # NaN is not NaN
    ladder.climb(replace(world, calls=world.calls + 1), rungs)
    ladder.climb(world, [replace(rungs[0], price=Price(1.0))])
    assert built == [0, 1] * 3


def test_the_command_line_refuses_in_one_line(capsys, tmp_path: Path) -> None:  # noqa: ANN001
    with pytest.raises(SystemExit):
        ladder.arguments(["--tasks", "0"])
    assert "--tasks is 0" in capsys.readouterr().err
    assert ladder.main(["--preset", "nowhere", "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# figures


def test_wins_ties_and_losses_by_hand() -> None:
    ours = part("dqn", 1.0, 0.5, 0.2) + part("dqn", 0.0, 0.5, 0.2, seed=1)
    found = wins(ours, part("x", 0.5, 0.5, 0.1))
    assert (found["won"], found["tied"], found["lost"]) == (0.5, 0.3333, 0.1667)
    assert found["rate"]["mean"] == pytest.approx((0.5 + 0.5 + 1) / 3, abs=1e-4)
    assert wins(part("dqn", 0.904), part("x", 0.9))["tied"] == 1.0  # pixels
    assert wins(part("dqn", 1, 1, 0.9), part("x", 0, 0.1, 0.3))["rate"]["low"] == pytest.approx(1.0)


def test_share_of_the_oracle_s_gain_by_hand() -> None:
    found = {"best-fixed": part("b", 0.2, 0.4), "dqn": part("dqn", 0.6, 0.6), "oracle": part("o", 1.0, 0.8)}
    assert oracle_share(found)["dqn"]["mean"] == pytest.approx(0.3 / 0.6)


def test_an_episode_cut_at_a_budget_delivers_what_it_had() -> None:
    one = replace(row("x", 0, "t", 0.9), curve=((0, 0, 0, 0.1), (1, 0.3, 0, 0.5), (2, 0.7, 0, 0.9)))
    assert [within(one, 0, k) for k in (0, 1, 2, 6)] == [0.1, 0.5, 0.9, 0.9]
    assert [within(one, 1, s) for s in (0.2, 0.3, 0.69, 9)] == [0.1, 0.5, 0.5, 0.9]


def test_scope_tells_whether_ours_knows() -> None:
    whole, single = part("all-at-once", 1.0, 0.2, 0.5, 0.9), part("best-fixed", 0.5, 0.8, 0.5, 0.1)
    ours = [
        replace(r, scope=s) for r, s in zip(part("dqn", 1, 1, 1, 1), ("all", "current", "all", "current"), strict=True)
    ]
    found = scope({"all-at-once": whole, "best-fixed": single, "dqn": ours})
    assert found["decided"] == 3 and found["always_all"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["agreement:dqn"]["mean"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["by_name"]["short"]["mean"] == found["overall"]["mean"] == pytest.approx((0.5 - 0.6 + 0 + 0.8) / 4)


def test_gains_are_paired_by_task_and_missing_rungs_are_left_out() -> None:
    found = {
        "dqn": part("dqn", 0.9, 0.8, 1.0),
        "best-fixed": part("b", 0.5, 0.5, 0.5),
        "best-fixed:blind": part("b", 0.4, 0.3, 0.2),
    }
    figures = compared(found, 0.3, 6)
    assert figures["gains"]["choosing, with verifying and retrying"]["mean"] == pytest.approx(0.4)
    assert figures["gains"]["verifying and retrying, fixed pair"]["mean"] == pytest.approx(0.2)
    assert len(figures["gains"]) == 2 and figures["scope"] == {} and figures["oracle_gain"] == {}
    assert set(figures["ours_minus"]) == {"best-fixed", "best-fixed:blind"}

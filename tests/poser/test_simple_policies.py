"""The two-line rule and the scope table: what has to be beaten chooses legally, and knows what it should."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from poser import policies
from poser.mdp import MDP
from poser.policies import scope_table
from poser.rollout import rollout
from poser.types import PoserError, Task
from tests.poser.world import make


def fitted(mdp: MDP, seed: int = 0) -> scope_table.Learner:
    made = scope_table.Learner(mdp.actions, 150, seed, every=50)
    tasks = [Task("Draw a cat. Make it blue. Add a hat.", seed=k, id=str(k)) for k in range(60)]
    for _ in rollout(mdp, made, tasks, on_step=made.learn):
        pass
    return made


def test_the_scope_table_knows_only_what_it_saw_and_survives_its_file(tmp_path: Path) -> None:
    mdp = make(2, 2)
    made = fitted(mdp)
    assert made.done and made.policy.table[""] and made.policy.id != scope_table.make({}, mdp.actions).id
    path = tmp_path / "table.json"
    scope_table.save(made.policy.table, path)
    loaded = policies.load(f"scope-table:{path}", mdp.actions)
    states = mdp.start([Task("Draw a cat. Make it blue.", seed=k) for k in range(4)])
    mask = mdp.mask(states)
    chosen = loaded(states, mask)
    assert chosen == made.policy(states, mask) and all(mask[k, slot] for k, slot in enumerate(chosen))
    for text in ("[]", '{"format": 1, "values": {"": {"gone/current": 1}}}', '{"format": 1, "values": {"": 3}}', "{"):
        path.write_text(text)
        with pytest.raises(PoserError, match="no table in"):
            policies.load(f"scope-table:{path}", mdp.actions)


def test_a_cell_that_was_seldom_met_borrows_from_the_one_above() -> None:
    def seen(cell: str, slot: str, reward: float) -> scope_table.Seen:
        return scope_table.Seen(("", cell), slot, reward, (), ())

    table = scope_table.fit([seen("draw", "a/all", 1.0)] * 96 + [seen("edit", "a/all", 0.0)])
    assert table["draw"]["a/all"] > 0.9 > table[""]["a/all"] - 0.1
    assert table["edit"]["a/all"] == pytest.approx(4 / 5 * table[""]["a/all"])


def test_the_table_looks_ahead() -> None:
    last = scope_table.Seen(("", "edit"), "b/current", 1.0, (), ())
    first = scope_table.Seen(("", "draw"), "a/current", 0.0, ("", "edit"), ("b/current",))
    table = scope_table.fit([first, last] * 50)
    assert table["draw"]["a/current"] > 0.7
    assert scope_table.fit([first, last] * 50, gamma=0.0)["draw"]["a/current"] < 0.1


def test_the_two_line_rule_draws_everything_and_edits_one_by_one() -> None:
    mdp = make(2, 2)
    policy = policies.load("two-lines", mdp.actions)
    picture = Image.new("RGB", (32, 32))
    states = mdp.start([Task("Draw a cat. Make it blue."), Task("Add a hat. Make it blue.", picture)])
    chosen = [mdp.actions.slots[slot] for slot in policy(states, mdp.mask(states))]
    assert [action.scope for action in chosen] == ["all", "current"]
    modes = [mdp.actions.cards[action.expert].mode for action in chosen if action.expert]
    assert modes == ["text-to-image", "image-to-image"]

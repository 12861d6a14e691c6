"""Recorded episodes: what was played comes back without its pictures; a cut file keeps what is whole."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poser.learned.embedders import HashEmbedder
from poser.learned.extras import EXTRAS
from poser.learned.observation import Encoder, Observer
from poser.learning.offline import Recording, read
from poser.policies.random import Random
from poser.rollout import rollout
from poser.types import PoserError, Task, Trajectory
from tests.poser.world import make

MDP = make(usd=0.1)


def played(count: int) -> list[Trajectory]:
    picture = Image.new("RGB", (32, 32), (9, 9, 9))
    tasks = [Task("Draw a cat. Make it blue. Add a hat.", picture if k % 2 else None, k) for k in range(count)]
    return [whole for _, whole in rollout(MDP, Random(), tasks)]


def append(path: Path, episodes: list[Trajectory]) -> None:
    """Records episodes one after the other, as two runs into one file would."""
    recording = Recording(path, MDP.actions.digest)
    recording.size = path.stat().st_size if path.exists() else 0
    for number, whole in enumerate(episodes):
        for step in whole.steps:
            recording.step(number, step)
    recording.flush()


def test_observations_rewards_and_actions_come_back(tmp_path: Path) -> None:
    file, episodes = tmp_path / "a.episodes.gz", played(6)
    append(file, episodes[:4])
    append(file, episodes[4:])
    back = list(read(tmp_path))
    assert len(back) == 6 and all(episode.steps for episode in back)
    seen = Observer(Encoder(HashEmbedder(8), EXTRAS), MDP.actions)
    for one, other in zip(episodes, back, strict=True):
        for a, b in zip(one.steps, other.steps, strict=True):
            assert (a.action, a.reward, a.terminated, a.truncated) == (b.action, b.reward, b.terminated, b.truncated)
            for x, y in ((a.before, b.before), (a.after, b.after)):
                np.testing.assert_equal(seen([x]), seen([y]))


def test_a_cut_file_keeps_the_episodes_before_the_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.episodes.gz"
    append(file, played(3))
    size = file.stat().st_size
    append(file, played(3))
    whole = file.read_bytes()
    file.write_bytes(whole[: size + 40])
    assert len(list(read(file))) == 3
    file.write_bytes(whole[: size - 9] + whole[size:])  # torn in the middle of a file: the others count
    assert len(list(read(file))) in (5, 6)
    for cut in range(0, size, 97):
        file.write_bytes(whole[:cut] + whole[size:])
        assert 3 <= len(list(read(file))) <= 6


def test_what_a_killed_run_wrote_after_its_checkpoint_is_cut_off_and_open_episodes_go_on(tmp_path: Path) -> None:
    """Steps of three seats, interleaved; killed at every step, after a checkpoint some steps before."""
    steps = [(k, step) for turn in range(6) for k, e in enumerate(played(3)) for step in e.steps[turn : turn + 1]]
    whole = Recording(tmp_path / "whole.episodes.gz", "x")
    for number, step in steps:
        whole.step(number, step)
    whole.flush()
    for kept in range(len(steps)):
        file = tmp_path / f"{kept}.episodes.gz"
        first, again = Recording(file, "x"), Recording(file, "x")
        for number, step in steps[:kept]:
            first.step(number, step)
        first.flush()
        told = json.loads(json.dumps(first.state()))
        for number, step in steps[kept : kept + 4]:
            first.step(number, step)
        first.flush()
        again.restore(told)
        for number, step in steps[kept:]:
            again.step(number, step)
        again.flush()
        assert gzip.decompress(file.read_bytes()) == gzip.decompress(whole.path.read_bytes())
    with pytest.raises(PoserError, match="not as it was left"):
        Recording(tmp_path / "gone.episodes.gz", "x").restore(told | {"size": 9})


def test_nothing_recorded_and_damaged_lines_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(PoserError, match="nothing is recorded"):
        list(read(tmp_path))
    (tmp_path / "b.episodes.gz").write_bytes(gzip.compress(b'{"steps": 3}\n'))
    with pytest.raises(PoserError, match="episode 1"):
        list(read(tmp_path))


def test_no_picture_is_stored(tmp_path: Path) -> None:
    file, (whole,) = tmp_path / "a.episodes.gz", played(1)
    append(file, [replace(whole)])
    assert file.stat().st_size < 4000

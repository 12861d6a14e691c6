"""A batch over several drivers that share the workers: the rows and pictures of one driver, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray

from benchmarks.reliability import world
from poser.agent import Poser
from poser.cli import main
from poser.cluster.shards import Shards
from poser.types import PoserError

PLACES = "engine.places=[{cpus: 0.5, critic: true, experts: [draw-1, draw-2, tint-1, tint-2]}]"


def rows(folder: Path) -> dict:
    """What came of each line, times apart, and its picture."""
    found = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert len({row["id"] for row in found}) == len(found), "a line was carried out twice"
    return {r["id"]: {**r, "seconds": 0, "picture": (folder / r["picture"]).read_bytes()} for r in found}


@pytest.fixture
def batch(tmp_path, two_nodes):
    """The words of a batch: its name, seconds of a call, whether over two shards -> words."""
    lines = [{"prompt": world.PROMPT, "seed": k} for k in range(6)]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def words(name: str, seconds: float, far: bool) -> list[str]:
        preset = world.preset(tmp_path / "world", seconds)
        more = ["--set", f"engine.address={two_nodes.address}", "--set", PLACES, "--set", "engine.shards=2"]
        mine = ["batch", str(tmp_path / "prompts.jsonl"), "--preset", str(preset), "--out", str(tmp_path / name)]
        return [*mine, "--seats", "4", "--quiet", *(["--engine", "ray", *more] if far else [])]

    return words


def test_shards_come_to_the_same_as_one_driver(batch, tmp_path):
    assert main(batch("here", 0.0, False)) == 0
    assert main(batch("far", 0.0, True)) == 0
    assert rows(tmp_path / "far") == rows(tmp_path / "here")
    assert (tmp_path / "far" / "index.html").read_text().count("<img") == 6


def test_a_driver_that_is_killed_goes_on_from_its_records(batch, tmp_path):
    assert main(batch("here", 0.0, False)) == 0
    words = [sys.executable, "-m", "poser", *batch("far", 0.3, True)]
    process, record = subprocess.Popen(words), tmp_path / "far" / "results.jsonl"
    while process.poll() is None and not (record.exists() and record.read_bytes()):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < record.read_bytes().count(b"\n") < 6
    assert main(batch("far", 0.0, True)) == 0
    assert rows(tmp_path / "far") == rows(tmp_path / "here")


def test_a_shard_that_dies_begins_anew_with_its_episodes(far):
    agent = far(0.2, shards=2, places=[{"cpus": 0.5}])
    tasks = {k: agent.task(world.PROMPT, None, k) for k in range(4)}
    shards, over = Shards(agent), {}
    assert shards.add(tasks) == [] and len(shards) == 4
    process = shards._drivers[0].actor.process
    os.kill(ray.get(process.remote()), signal.SIGKILL)
    while len(shards):
        over |= {played.number: played for played in shards.step()}
    assert sorted(over) == [0, 1, 2, 3] and not any(played.error for played in over.values())
    pictures = agent([world.PROMPT] * 4).images
    assert [over[k].trajectory.images[0].tobytes() for k in range(4)] == [image.tobytes() for image in pictures]


def test_shards_without_ray_are_refused(tmp_path):
    with pytest.raises(PoserError, match="engine.shards needs --engine ray"):
        Shards(Poser.from_pretrained(world.preset(tmp_path), overrides={"engine.shards": 2}))

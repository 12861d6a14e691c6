"""Episodes of many callers on one thread: bounded, fair, independent, and ended cleanly."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from experts.types import image_digest
from poser.runs.record import finished, load
from poser.seats import Played
from poser.serve.engine import Busy, Engine, Stopping
from poser.serve.recording import Recorded
from tests.poser.serve.serving import PROMPT, agent


class Told(queue.Queue):
    """What one caller hears."""

    def __call__(self, event) -> None:
        self.put(event)

    def end(self) -> Played:
        while not isinstance(event := self.get(timeout=20), Played):
            pass
        return event


def play(engine: Engine, *seeds: int) -> list[Played]:
    tasks, told = [engine.agents["fast"].task(PROMPT, seed=seed) for seed in seeds], [Told() for _ in seeds]
    engine.submit("fast", tasks, told)
    return [one.end() for one in told]


def test_results_do_not_depend_on_who_shares_the_batch():
    alone, shared = Engine({"fast": agent()}, seats=1), Engine({"fast": agent()}, seats=16)
    one = [image_digest(play(alone, seed)[0].trajectory.images[0]) for seed in range(6)]
    many = [image_digest(played.trajectory.images[0]) for played in play(shared, *range(6))]
    alone.close(), shared.close()
    assert one == many and shared.turns < alone.turns


def test_a_full_queue_says_when_to_come_back_and_later_callers_later():
    engine = Engine({"fast": agent(seconds=0.2)}, seats=1, backlog=2)
    engine.pace = 4.0
    tasks = [engine.agents["fast"].task(PROMPT, seed=seed) for seed in range(3)]
    engine.submit("fast", tasks[:1], [Told()])
    while engine.waiting:
        time.sleep(0.01)
    engine.submit("fast", tasks[1:], [Told(), Told()])
    waits = []
    for _ in range(3):
        with pytest.raises(Busy) as caught:
            engine.submit("fast", tasks[:1], [Told()])
        waits.append(caught.value.retry_after)
    assert waits == sorted(waits) and waits[0] == 4 and waits[2] == 12
    engine.close()


def test_cancelled_ones_are_gone_before_the_next_step_and_told_once():
    engine = Engine({"fast": agent(seconds=0.05)}, seats=1)
    tasks, told = [engine.agents["fast"].task(PROMPT, seed=seed) for seed in range(3)], [Told() for _ in range(3)]
    rides = engine.submit("fast", tasks, told)
    assert told[0].get(timeout=10)
    engine.cancel(rides[:2])
    ends = [one.end() for one in told]
    assert isinstance(ends[0].error, Stopping) and isinstance(ends[1].error, Stopping) and ends[2].error is None
    engine.close()
    assert all(one.empty() for one in told) and not engine.playing


def test_an_episode_that_raises_is_its_callers_alone(monkeypatch):
    found = agent()
    start = type(found.mdp).start

    def picky(self, tasks):
        if any("bad" in task.prompt for task in tasks):
            raise ZeroDivisionError
        return start(self, tasks)

    monkeypatch.setattr(type(found.mdp), "start", picky)
    engine, told = Engine({"fast": found}), [Told(), Told()]
    engine.submit("fast", [found.task("Draw a bad cat."), found.task(PROMPT)], told)
    assert isinstance(told[0].end().error, ZeroDivisionError) and told[1].end().error is None
    engine.close()


def test_a_caller_that_cannot_be_told_harms_nobody():
    engine, told = Engine({"fast": agent()}), Told()

    def broken(event) -> None:
        raise RuntimeError("its loop is closed")

    task = engine.agents["fast"].task(PROMPT)
    engine.submit("fast", [task, task], [broken, told])
    assert told.end().error is None
    engine.close()


def test_a_stop_lets_episodes_end_or_leaves_records_that_go_on(tmp_path):
    engine = Engine({"fast": agent(seconds=0.1)}, seats=2)
    tasks = [engine.agents["fast"].task(PROMPT, seed=seed) for seed in range(3)]
    told = [Told() for _ in tasks]
    engine.submit("fast", tasks, [Recorded(tmp_path / str(k), one) for k, one in enumerate(told)])
    told[1].get(timeout=10), told[1].get(timeout=10)
    closing = threading.Thread(target=engine.close, args=(0.0,))
    closing.start()
    closing.join(10)
    ends = [one.end() for one in told]
    assert all(isinstance(end.error, Stopping) for end in ends)
    kept = load(tmp_path / "1")
    assert kept.steps and not finished(tmp_path / "1") and not (tmp_path / "2").exists()
    with pytest.raises(Stopping):
        engine.submit("fast", tasks[:1], [Told()])
    whole = engine.agents["fast"](PROMPT, seed=1, begun=kept).trajectory
    fresh = agent()(PROMPT, seed=1).trajectory
    assert image_digest(whole.images[0]) == image_digest(fresh.images[0])


def test_with_grace_what_plays_ends():
    engine = Engine({"fast": agent(seconds=0.05)}, seats=1)
    told = Told()
    engine.submit("fast", [engine.agents["fast"].task(PROMPT)], [told])
    told.get(timeout=10)
    engine.close(grace=20)
    assert told.end().error is None

"""The same agent with its models in Ray actors: equal steps, and nothing is lost with a worker, a node or time."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import threading
import time

import pytest
import ray

from benchmarks.reliability import world
from experts.types import Job, Request, image_digest
from poser.agent import Poser
from poser.cli import main
from poser.types import PoserError
from tests.poser.cluster.loopback import added

PLACES = [{"replicas": 2, "cpus": 0.5}, {"critic": True, "cpus": 0.5}]


def jobs(count: int, expert: str = "draw-1") -> list[Job]:
    return [Job(expert, Request(f"picture {k}", seed=k, size=(32, 32))) for k in range(count)]


def told(output) -> list:
    """Everything of an output but times."""
    rows = []
    for whole in output.trajectories:
        for step in whole.steps:
            picture = image_digest(step.result.image) if step.result.image else step.result.failure.kind
            scores = step.critique and (step.critique.wanted, step.critique.earlier, step.critique.critic)
            rows.append((step.action, step.request.digest, picture, scores, step.accepted))
    return rows


def process(agent: Poser, number: int = 0) -> int:
    call = agent.joined.workers[number].handle.process.options(max_task_retries=-1)
    return ray.get(call.remote(), timeout=120)


def killed(agent: Poser, number: int = 0) -> None:
    os.kill(process(agent, number), signal.SIGKILL)


def test_episodes_are_those_of_this_process(far, tmp_path):
    here = Poser.from_pretrained(world.preset(tmp_path / "here"))
    prompts = [world.PROMPT, "A green heart. Make it red.", "A dog.", "Draw a cat. Add a hat. Remove the hat."] * 2
    local = here(prompts)
    assert told(far(places=PLACES)(prompts)) == told(local)
    assert told(far()(prompts)) == told(local)


def test_groups_are_cut_where_reproducibility_is_not_asked_for(far):
    found = []
    for reproducible in (True, False):
        agent = far(reproducible=reproducible, places=[{"replicas": 2, "cpus": 0.5}])
        found.append([image_digest(result.image) for result in agent.mdp.pool.run(jobs(7))])
        assert sum(bool(worker.resident) for worker in agent.joined.workers) == (1 if reproducible else 2)
    assert found[0] == found[1]


def test_a_call_goes_to_where_the_expert_is(far):
    agent = far(places=[{"replicas": 2, "cpus": 0.5}])
    for expert in ("draw-1", "draw-2", "draw-1", "draw-2", "draw-1"):
        agent.mdp.pool.run(jobs(1, expert))
    held = [worker.resident for worker in agent.joined.workers]
    assert sorted(map(sorted, held)) == [["expert draw-1"], ["expert draw-2"]]


def test_a_worker_that_dies_in_a_call_loses_nothing(far):
    agent = far(1.0, places=[{"replicas": 2, "cpus": 0.5}])
    whole = [image_digest(result.image) for result in far().mdp.pool.run(jobs(6))]
    for number in (0, 1):  # one of them has the call
        timer = threading.Timer(0.4, killed, (agent, number))
        timer.start()
        made = agent.mdp.pool.run(jobs(6))
        timer.join()
        assert [image_digest(result.image) for result in made] == whole
    assert agent.joined.replicas.retried >= 1


def test_a_lone_worker_is_begun_anew_and_nothing_is_printed(far, capfd):
    agent = far(1.0, places=[{"cpus": 0.5}])
    first = process(agent)
    threading.Timer(0.4, killed, (agent,)).start()
    assert all(result.image for result in agent.mdp.pool.run(jobs(3)))
    assert agent.joined.replicas.retried == 1 and process(agent) != first
    assert capfd.readouterr().out == ""


def test_where_no_worker_is_left_the_expert_rests_and_the_run_goes_on(far):
    agent = far(restarts=0, places=[{"experts": ["draw-1"], "cpus": 0.5}, {"critic": True, "cpus": 0.5}])
    killed(agent, 0)
    (result,) = agent.mdp.pool.run(jobs(1))
    assert result.failure.kind == "unavailable" and result.failure.retry_after > 0
    assert "draw-1: its worker 0.0 is lost" in result.failure.message and "\n" not in result.failure.message
    out = agent("A red square.")
    assert out.images and {step.action.expert for step in out.trajectory.steps if step.result.image} >= {"draw-2"}
    killed(agent, 1)
    steps = agent("A red square.").trajectory.steps
    judged = [step.critique for step in steps if step.critique]
    assert judged and all(math.isnan(critique.score) for critique in judged)
    assert "is lost" in judged[0].feedback


def test_a_call_that_takes_too_long_is_a_failure_and_its_worker_is_begun_anew(far):
    agent = far(60.0, timeout=1.0, places=[{"cpus": 0.5}])
    first, start = process(agent), time.monotonic()
    (result,) = agent.mdp.pool.run(jobs(1))
    assert result.failure.kind == "timeout" and time.monotonic() - start < 60
    assert process(agent) != first


def test_a_node_that_leaves_takes_no_call_with_it(far, two_nodes):
    node = added(two_nodes, num_cpus=1, resources={"leaving": 1})
    agent = far(1.0, places=[{"cpus": 0.5, "resources": {"leaving": 1}}, {"cpus": 0.5}])
    agent.joined.workers[1].load = 1000.0  # the call goes to the node that leaves
    timer = threading.Timer(0.4, two_nodes.remove_node, (node, False))
    timer.start()
    made = agent.mdp.pool.run(jobs(3))
    timer.join()
    assert all(result.image for result in made) and agent.joined.replicas.retried == 1


def test_many_threads_share_the_workers(far):
    agent, found = far(places=[{"replicas": 2, "cpus": 0.5}]), {}

    def run(k: int) -> None:
        found[k] = agent.mdp.pool.run(jobs(k + 1)[-1:])[0]

    threads = [threading.Thread(target=run, args=(k,)) for k in range(16)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    whole = far().mdp.pool.run(jobs(16))
    assert [image_digest(found[k].image) for k in range(16)] == [image_digest(result.image) for result in whole]
    assert all(abs(worker.load) < 1e-6 for worker in agent.joined.workers)


@pytest.mark.parametrize(
    "places, words",
    [
        ([{"gpus": 1}], "asks for 1 x 1 CPU, 1 GPU and 0 of 1 fit"),
        ([{"replicas": 99}], "4 of 99 fit"),
        ([{"experts": ["draw-3"]}], "did you mean 'draw-"),
    ],
)
def test_a_place_that_cannot_be_met_is_one_line_at_once(far, places, words):
    far(places=[{"cpus": 0.1}]).close(0)
    time.sleep(0.3)
    start = time.monotonic()
    with pytest.raises(PoserError) as caught:
        far(places=places)
    assert time.monotonic() - start < 30
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_versions_are_compared_when_workers_begin(far, monkeypatch):
    from poser.cluster import about, joined

    def older(*given):
        found = about.about(*given)
        return dataclasses.replace(found, versions={**found.versions, "diffusers": "0.1"})

    monkeypatch.setattr(joined, "about", older)
    with pytest.raises(PoserError, match=r"engine: diffusers is 0.1 here and .* on 0\.0; install the same"):
        far(places=[{"cpus": 0.5}])


def test_the_command_line_runs_on_it(two_nodes, tmp_path, capsys):
    preset = world.preset(tmp_path / "world")
    more = ["--set", f"engine.address={two_nodes.address}"]
    one = ["--set", "engine.places=[{replicas: 1}]"]
    assert main(["doctor", "--engine", "--preset", str(preset), *one, *more]) == 0
    said = capsys.readouterr().out
    assert "places[0] (draw-1, draw-2, tint-1, ...): 1 CPU each: 1 on 127.0.0.1" in said
    assert main(["doctor", "--engine", "--preset", str(preset), "--set", "engine.places=[{gpus: 1}]", *more]) == 1
    assert "LACKS" in capsys.readouterr().out
    words = ["run", world.PROMPT, "--preset", str(preset), "--engine", "ray", "--quiet", *one, *more]
    assert main([*words, "--out", str(tmp_path / "far")]) in (0, 3)
    assert main(["run", world.PROMPT, "--preset", str(preset), "--quiet", "--out", str(tmp_path / "here")]) in (0, 3)
    assert (tmp_path / "far" / "final.png").read_bytes() == (tmp_path / "here" / "final.png").read_bytes()

"""The model of a pool obeys what every queueing system obeys, whatever is asked of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale import __main__ as scale
from benchmarks.scale import answers, placements
from benchmarks.scale.placements import Workload
from benchmarks.scale.simulation import simulated
from benchmarks.scale.types import CRITIC, Machine, Model, Setup

NAMES = ("draw", "tint", "blur")
MODELS = {name: Model(name, 0.5 + k, 0.1 * k, 4.0 + k, 0.3) for k, name in enumerate(NAMES)} | {
    CRITIC: Model(CRITIC, 0.2, 0.0, 2.0)
}
MACHINE = Machine(room=8.0, ram=12.0, disk=1.0, bus=10.0)
SCRIPTS = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(tuple), min_size=1, max_size=30)


def pool(workers: int, **more) -> Setup:
    return Setup(MODELS, ((*NAMES, CRITIC),) * workers, machine=MACHINE, **more)


@settings(max_examples=30, deadline=None)
@given(SCRIPTS, st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.booleans())
def test_work_is_conserved(scripts, workers, drivers, seats, whole):
    found = simulated(pool(workers, drivers=drivers, seats=seats, whole=whole, sending=0.01, step=0.001), scripts)
    assert found.episodes == len(scripts) == len(found.stays)
    steps = sum(map(len, scripts))
    assert found.pictures == steps and len(found.waits) == 2 * steps  # each picture is judged
    least = sum(MODELS[name].seconds + MODELS[CRITIC].seconds for script in scripts for name in script)
    assert sum(found.busy) >= least - 1e-6
    assert sum(found.busy) == pytest.approx(least + found.loading + sum_of_calls(found), abs=found.calls * 0.2 + 1e-6)
    assert found.used <= 1 + 1e-9 and all(busy <= found.seconds + 1e-6 for busy in found.busy)
    assert min(found.waits) >= 0 and found.switches <= found.calls


def sum_of_calls(found) -> float:
    """What calls cost beside their pictures: between 0 and 0.2 s each."""
    return 0.1 * found.calls


@settings(max_examples=20, deadline=None)
@given(SCRIPTS, st.integers(1, 4), st.integers(1, 9))
def test_littles_law(scripts, workers, seats):
    """Episodes that are open on average = episodes a second times how long each is open."""
    found = simulated(pool(workers, drivers=2, seats=seats), scripts)
    begins = [end - stay for end, stay in zip(found.ends, found.stays, strict=True)]
    events = sorted([(time, 1) for time in begins] + [(time, -1) for time in found.ends])
    open_, area, last = 0, 0.0, 0.0
    for time, change in events:
        area, open_, last = area + open_ * (time - last), open_ + change, time
    mean_stay = sum(found.stays) / len(found.stays)
    assert area / found.seconds == pytest.approx(found.episodes / found.seconds * mean_stay)
    assert 0 <= open_ <= 2 * seats


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8).map(tuple))
def test_one_episode_on_one_worker_takes_the_sum_of_its_times(script):
    machine = Machine()
    setup = Setup(MODELS, ((*NAMES, CRITIC),), machine=machine, sending=0.02, step=0.003)
    spent = sum(MODELS[name].seconds + MODELS[name].call + MODELS[CRITIC].seconds + 2 * 0.02 + 0.003 for name in script)
    loads = sum(MODELS[name].load for name in {*script, CRITIC})
    assert simulated(setup, [script]).seconds == pytest.approx(spent + loads)


def test_what_fits_is_loaded_once_and_what_does_not_is_loaded_again():
    script = ("draw", "tint") * 5
    models = {name: MODELS[name] for name in NAMES}
    wide = simulated(Setup(models, (NAMES,), machine=Machine(room=20.0, ram=20.0, disk=1.0, bus=10.0)), [script])
    narrow = simulated(Setup(models, (NAMES,), machine=Machine(room=5.0, ram=20.0, disk=1.0, bus=10.0)), [script])
    assert (wide.loads, narrow.loads) == (2, 10)
    assert wide.loading == pytest.approx(0.3 * 2 + 9 / 1.0 + 9 / 10)
    assert narrow.loading == pytest.approx(wide.loading + 4 * 9 / 10)  # the rest comes from RAM
    with pytest.raises(ValueError, match="blur needs 6 GiB and a worker has 5"):
        simulated(Setup(models, (NAMES,), machine=Machine(room=5.0)), [("blur",)])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(1, 6))
def test_more_gpus_are_never_slower(lengths, workers):
    """One expert: with several, order may matter (Graham's anomalies), here none is left."""
    models = {"draw": MODELS["draw"]}
    scripts = [("draw",) * length for length in lengths]

    def seconds(count: int) -> float:
        return simulated(Setup(models, (("draw",),) * count, seats=8, whole=False), scripts).seconds

    assert seconds(workers + 1) <= seconds(workers) + 1e-9


def test_a_whole_group_keeps_one_gpu_busy_for_each_expert():
    models = {name: Model(name, 1.0) for name in NAMES}
    work = Workload({3: 1.0}, dict.fromkeys(NAMES, 1.0), dict.fromkeys(NAMES, 1.0))
    setup = dict(models=models, workers=(NAMES,) * 32, seats=32)
    one = simulated(Setup(**setup), work.scripts(300))
    cut = simulated(Setup(**setup, whole=False), work.scripts(300))
    many = simulated(Setup(**setup, drivers=32), work.scripts(3000))
    assert sum(one.busy) / one.seconds <= len(NAMES) and cut.seconds < one.seconds / 3
    assert many.rate > 5 * one.rate


def test_a_service_takes_its_time_and_its_price_and_no_worker():
    models = {"api": Model("api", 3.0, 0.5, usd=0.04), "draw": Model("draw", 1.0)}
    found = simulated(Setup(models, (("draw",),)), [("api", "draw")] * 2)
    assert found.seconds == pytest.approx(3.5 + 2.0) and found.usd == pytest.approx(0.08) and found.busy == (2.0,)


@given(st.integers(1, 40))
def test_every_placement_holds_every_model_and_no_gpu_twice(gpus):
    work = Workload({3: 1.0}, {"draw": 1.0}, {"tint": 2.0, "blur": 1.0})
    demand = work.demand(MODELS)
    assert demand == pytest.approx({"draw": 0.5, "tint": 2 * 1.5 * 2 / 3, "blur": 2 * 2.5 / 3, CRITIC: 0.6})
    for places in (
        placements.everywhere(MODELS),
        placements.together(MODELS, demand, gpus, 10.0),
        placements.alone(MODELS, demand, gpus),
    ):
        if places:
            held = placements.workers(places, gpus)
            assert len(held) == gpus and {name for names in held for name in names} == {*MODELS}
        else:
            assert gpus < len(MODELS)


def test_a_workload_is_found_again_in_its_episodes():
    work = Workload({1: 1.0, 4: 3.0}, {"draw": 1.0}, {"tint": 1.0, "blur": 3.0})
    scripts = list(work.scripts(2000, seed=1))
    assert scripts == list(work.scripts(2000, seed=1)) and {len(script) for script in scripts} == {1, 4}
    found = Workload.of(scripts)
    assert found.steps[4] == pytest.approx(1500, rel=0.1) and found.first == {"draw": 2000}
    assert found.later["blur"] / found.later["tint"] == pytest.approx(3.0, rel=0.15)


def test_what_is_left_out_of_a_long_run_changes_nothing():
    work = Workload({2: 1.0, 3: 1.0}, {"draw": 1.0}, {"tint": 2.0, "blur": 1.0})
    asked = answers.Pool(MODELS, work, MACHINE, seats=8, hour=3.6)
    places = placements.everywhere(MODELS)
    short, long = (answers.answered(asked, places, 4, [count])[0] for count in (1000, 6000))
    whole = simulated(asked.setup(placements.workers(places, 4)), work.scripts(6000))
    assert short["simulated"] == long["simulated"] == 1000
    assert long["seconds"] == pytest.approx(whole.seconds, rel=0.03)
    assert long["usd"] == pytest.approx(4 * long["seconds"] * 3.6 / 3600)


def test_the_command_answers_in_sentences_tables_and_a_plot(tmp_path, capsys):
    assert scale.main(["--gpus", "1", "16", "--prompts", "1", "100000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    told = scale.page(found)
    assert told.startswith("1. Prompts an hour") and "\n3. One driver" in told and "what fits together" in told
    one, many = (scale.best(found["rows"], count, 100_000) for count in (1, 16))
    assert many["an_hour"] > 4 * one["an_hour"] and {row["used"] <= 1 + 1e-9 for row in found["rows"]} == {True}
    assert scale.draw(found, tmp_path / "scale.png").stat().st_size > 10_000

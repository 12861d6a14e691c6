"""Law 8: a trajectory round-trips; a cut-off run keeps every finished step and goes on where it was."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experts.images import open_image
from poser import cli
from poser.runs import codec
from poser.runs.record import LOG, Recorder, finished, load
from poser.types import Critique, Plan, PoserError, Trajectory
from tests.poser import episodes


def record(whole: Trajectory, folder: Path, steps: int | None = None) -> None:
    recorder = Recorder(folder)
    recorder.start(replace(whole, steps=()))
    for step in whole.steps[:steps]:
        recorder.step(step)
    if steps is None:
        recorder.end(whole)


def same(one: Trajectory, other: Trajectory) -> bool:
    """Equality with NaN equal to NaN: every field and every pixel."""
    return str(codec.pack(one, Trajectory, pixels)) == str(codec.pack(other, Trajectory, pixels))


def pixels(image: Image.Image) -> list:
    return [image.mode, image.size, image.tobytes()]


@pytest.mark.parametrize("make", [episodes.edited, episodes.drawn])
def test_round_trip_is_identity(make, tmp_path):
    whole = make()
    record(whole, tmp_path / "run")
    again = load(tmp_path / "run")
    assert same(again, whole)
    assert finished(tmp_path / "run")
    assert again == whole or make is episodes.edited  # equal as objects too, but for a computed NaN
    assert open_image(tmp_path / "run" / "final.png").tobytes() == whole.images[0].tobytes()


def test_pictures_are_files_named_by_step_expert_verb_and_scope(episode, tmp_path):
    record(episode, tmp_path)
    names = sorted(file.name for file in (tmp_path / "steps").iterdir())
    assert names == [
        "00-input.png",
        "01-poster-ip2p-remove-current.png",
        "02-poster-magicbrush-recolour-current.png",
        "04-poster-magicbrush-recolour-current.png",
        "05-mask.png",
        "05-poster-kontext-move-all.png",
    ]


def test_log_is_strict_json_and_holds_no_bytes(episode, tmp_path):
    record(episode, tmp_path)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [("record" in line, "step" in line, "end" in line) for line in lines] == (
        [(True, False, False)] + [(False, True, False)] * 5 + [(False, False, True)]
    )
    assert lines[1]["request"]["prompt"] == "remove the small blue circle"
    assert lines[1]["request"]["asked"] == "Remove the circle"
    assert lines[3]["result"]["failure"]["kind"] == "rate_limited"
    assert max(len(json.dumps(line)) for line in lines) < 8000


@pytest.mark.parametrize("steps", [0, 1, 3, 5])
def test_a_cut_off_run_keeps_finished_steps_and_goes_on(episode, tmp_path, steps):
    record(episode, tmp_path, steps)
    with open(tmp_path / LOG, "ab") as log:
        log.write(b'{"step": 99, "before": {"tas')  # the line that was being written
    begun = load(tmp_path)
    assert not finished(tmp_path)
    assert same(begun, replace(episode, steps=episode.steps[:steps]))
    recorder = Recorder(tmp_path)
    recorder.start(begun)
    for step in episode.steps[steps:]:
        recorder.step(step)
    recorder.end(episode)
    record(episode, tmp_path / "uninterrupted")
    assert (tmp_path / LOG).read_bytes() == (tmp_path / "uninterrupted" / LOG).read_bytes()
    assert same(load(tmp_path), episode)


def test_another_run_in_the_folder_is_not_touched(episode, drawn, tmp_path):
    record(episode, tmp_path, 2)
    before = (tmp_path / LOG).read_bytes()
    for other in (drawn, replace(episode, policy="random"), replace(episode, actions="f" * 64)):
        with pytest.raises(PoserError, match="began with another"):
            Recorder(tmp_path).start(replace(other, steps=()))
    assert (tmp_path / LOG).read_bytes() == before


def test_a_finished_run_is_refused_or_overwritten(episode, drawn, tmp_path):
    record(episode, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PoserError, match="finished"):
        Recorder(tmp_path).start(replace(episode, steps=()))
    recorder = Recorder(tmp_path, overwrite=True)
    assert same(load(tmp_path), episode)
    recorder.start(replace(drawn, steps=()))
    for step in drawn.steps:
        recorder.step(step)
    recorder.end(drawn)
    assert same(load(tmp_path), drawn)
    assert [file.name for file in (tmp_path / "steps").iterdir()] == ["01-poster-sd-generate-current.png"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_record_of_the_first_version_still_replays(tmp_path, capsys):
    """`first_record` was written by the first commit that wrote records: its lines lack every field that came later."""
    shutil.copytree(Path(__file__).parent / "first_record", tmp_path / "run")
    old = load(tmp_path / "run")
    assert [step.request and step.request.prompt for step in old.steps][0] == "remove the small blue circle"
    assert finished(tmp_path / "run") and len(old.steps) == 5 and old.steps[-1].after.ended
    assert old.plan == Plan() and old.steps[0].after.verdict is None and old.steps[0].critique.harmed == ()
    assert cli.main(["replay", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "report.html").is_file() and "report.html" in capsys.readouterr().out
    record(old, tmp_path / "again")
    assert same(load(tmp_path / "again"), old)


def test_a_changed_picture_is_noticed(episode, tmp_path):
    record(episode, tmp_path)
    Image.new("RGB", (96, 96)).save(tmp_path / "steps" / "01-poster-ip2p-remove-current.png")
    with pytest.raises(PoserError, match="01-poster-ip2p-remove-current.png.*not the one"):
        load(tmp_path)


def test_a_picture_outside_the_folder_is_refused(episode, tmp_path):
    record(episode, tmp_path / "run")
    (tmp_path / "run" / "steps" / "00-input.png").rename(tmp_path / "00-input.png")
    log = tmp_path / "run" / LOG
    log.write_text(log.read_text().replace("steps/00-input.png", "../00-input.png"))
    with pytest.raises(PoserError, match="outside"):
        load(tmp_path / "run")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"scope": "current"', '"scope": "sideways"'),
        ('"accepted": true', '"accepted": "yes"'),
        ('"turn": 1', '"turns": 1'),
        ('"record": 1', '"record": 99'),
        ('{"step": 2', '{"step": 2,,'),
        ('"image": {"path"', '"image": 3, "x": {"path"'),
        ('"seed": 3', '"seed": true'),
    ],
)
def test_damage_is_one_clear_line(episode, tmp_path, old, new):
    record(episode, tmp_path)
    log = tmp_path / LOG
    assert old in log.read_text()
    log.write_text(log.read_text().replace(old, new, 1))
    with pytest.raises(PoserError) as problem:
        load(tmp_path)
    assert str(tmp_path) in str(problem.value) and "\n" not in str(problem.value)


def test_no_run_there(tmp_path):
    for ask in (load, finished):
        with pytest.raises(PoserError, match="no run in"):
            ask(tmp_path / "absent")
    (tmp_path / LOG).write_bytes(b'{"record": 1, "task"')
    with pytest.raises(PoserError, match="no run"):
        load(tmp_path)


def test_a_folder_that_cannot_be_written(episode, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PoserError, match="cannot write"):
        Recorder(tmp_path / "file" / "run").start(replace(episode, steps=()))


floats = st.floats(allow_nan=True, allow_infinity=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


def no_pictures(_: object) -> Image.Image:
    raise AssertionError("there is no picture here")


@settings(max_examples=50)
@given(st.dictionaries(st.text(), plain, max_size=4))
def test_free_mappings_round_trip(config):
    data = json.loads(json.dumps(codec.pack(config, codec.Mapping[str, codec.Any], no_pictures), allow_nan=False))
    assert repr(codec.unpack(data, codec.Mapping[str, codec.Any], no_pictures)) == repr(config)


@given(st.lists(floats).map(tuple), floats, st.text())
def test_critiques_round_trip(wanted, kept, feedback):
    critique = Critique(wanted, kept=kept, feedback=feedback)
    data = json.loads(json.dumps(codec.pack(critique, Critique, no_pictures), allow_nan=False))
    assert repr(codec.unpack(data, Critique, no_pictures)) == repr(critique)


def test_absent_fields_take_their_default():
    assert codec.unpack({"wanted": ["nan", 1]}, Critique, no_pictures) == Critique((math.nan, 1.0))

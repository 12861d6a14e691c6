"""What is somebody else's stays as it is; a refused run leaves nothing; a record goes on from any byte."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import experts.images
from poser.cli import main
from poser.runs.record import LOG, Recorder, begun_in, load
from poser.types import PoserError, Trajectory


def record(whole: Trajectory, folder: Path, overwrite: bool = False) -> None:
    recorder = Recorder(folder, overwrite)
    recorder.start(replace(whole, steps=()))
    for step in whole.steps[recorder.count :]:
        recorder.step(step)
    recorder.end(whole)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["final.png", "report.html", "config.yaml", "steps", LOG])
@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_foreign_files_are_never_replaced(drawn, tmp_path, name, kind, overwrite):
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").write_text("mine")
    if kind == "file":
        (tmp_path / "run" / name).write_text("mine")
    else:
        (tmp_path / "run" / name).symlink_to(tmp_path / ("mine" if kind == "link" else "absent"))
    before = files(tmp_path)
    with pytest.raises(PoserError, match="stays as it is"):
        record(drawn, tmp_path / "run", overwrite)
    assert files(tmp_path) == before and not (tmp_path / "absent").exists()


def test_overwriting_removes_what_the_log_names_and_nothing_else(episode, drawn, tmp_path):
    run = tmp_path / "run"
    record(episode, run)
    for mine in ("steps/99-holiday.png", "steps/01-mine.png", "notes.txt"):
        (run / mine).write_text("mine")
    named = run / "steps" / "02-poster-magicbrush-recolour-current.png"
    named.unlink()
    (tmp_path / "outside.png").write_text("mine")
    named.symlink_to(tmp_path / "outside.png")
    record(drawn, run, overwrite=True)
    kept = ["01-mine.png", "01-poster-sd-generate-current.png", "02-poster-magicbrush-recolour-current.png"]
    assert sorted(file.name for file in (run / "steps").iterdir()) == [*kept, "99-holiday.png"]
    assert (tmp_path / "outside.png").read_text() == (run / "notes.txt").read_text() == "mine"
    assert load(run) == drawn


def test_a_picture_never_takes_the_place_of_another_file(drawn, tmp_path):
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "01-poster-sd-generate-current.png").write_text("mine")
    record(drawn, tmp_path)
    assert (tmp_path / "steps" / "01-poster-sd-generate-current.png").read_text() == "mine"
    assert load(tmp_path) == drawn


def test_a_record_goes_on_from_any_byte(episode, tmp_path):
    record(episode, tmp_path / "whole")
    log = (tmp_path / "whole" / LOG).read_bytes()
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    for cut in sorted({0, 1, 9, 10, 11, *range(0, len(log) - 1, 311), log.find(b"\n"), log.find(b"\n") + 1}):
        (tmp_path / "cut" / LOG).write_bytes(log[:cut])
        assert begun_in(tmp_path / "cut") == (b"\n" in log[:cut])
        record(episode, tmp_path / "cut")
        assert (tmp_path / "cut" / LOG).read_bytes() == log, cut
    assert {path.name for path in (tmp_path / "cut").rglob("*")} == {p.name for p in (tmp_path / "whole").rglob("*")}


def test_a_picture_that_a_run_could_write_it_can_read(episode, tmp_path, monkeypatch):
    record(episode, tmp_path)
    monkeypatch.setattr(experts.images, "MAX_BYTES", 50)
    assert len(load(tmp_path).steps) == 5


def test_a_full_disk_is_one_line_and_keeps_what_was_done(episode, tmp_path, monkeypatch):
    recorder = Recorder(tmp_path)
    recorder.start(replace(episode, steps=()))
    recorder.step(episode.steps[0])

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("poser.runs.pictures.write_whole", full)
        with pytest.raises(PoserError, match="No space left on device; 1 steps are kept there") as caught:
            recorder.step(episode.steps[1])
    assert "\n" not in str(caught.value) and len(load(tmp_path).steps) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["run", "A star", "--out", "a/b", "--preset", "nobody"],
        ["run", "A star", "--out", "a/b", "--image", "absent.png"],
        ["run", "A star", "--out", "a/b", "--policy", "dqn:nowhere", "--preset", "poster"],
        ["run", "A star", "--out", "a/b", "--preset", "paper"],
        ["run", "A", "star", "--out", "a/b"],
        ["train", "--out", "a/b", "--offline", "/dev/null"],
        ["train", "--out", "a/b", "--resume"],
    ],
)
def test_a_refused_run_leaves_nothing(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    for key in ("OPENAI_API_KEY", "GEMINI_API_KEY", "REPLICATE_API_TOKEN"):
        monkeypatch.delenv(key, raising=False)
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not list(tmp_path.iterdir())

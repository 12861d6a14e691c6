"""The edges of the shell and of Python: standard input, quotes, code pages, control characters, one bad item."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.reliability import world
from poser.agent import Poser
from poser.cli import main, terminal
from poser.runs.record import load
from poser.types import PoserError


@pytest.fixture
def preset(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return world.preset(tmp_path / "world")


class _Input:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_the_prompt_from_standard_input(preset, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", _Input("\ufeffA red square → blue.\n".encode()))
    assert main(["run", "-", "--preset", str(preset), "--out", "a", "--quiet"]) in (0, 3)
    assert load("a").task.prompt == "A red square → blue.\n"
    for data, words in ((b"\xff", "no UTF-8"), (b"a" * 200_000, "more than"), (b" \n", "empty")):
        monkeypatch.setattr(sys, "stdin", _Input(data))
        capsys.readouterr()
        assert main(["run", "-", "--preset", str(preset), "--out", "b"]) == 2
        assert words in capsys.readouterr().err and not Path("b").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "a", "red", "star"], "put it in quotes: 'a red star'"),
        (["run", "a star \udcff"], "argument 2 is no UTF-8 text"),
        (["run", "a star", "--out", "a\0b"], "argument 4"),
        (["run", "x" * 20_001], "the prompt has 20,001 characters"),
        (["run", "x", "--policy", "paper-dqn"], "takes a folder, paper-dqn:FOLDER"),
        (["run", "x", "--preset", "~nosuch/x.yaml"], "no home folder"),
        (["run", "x", "--out", "d/" * 3000], "too long"),
        (["probe", "--seed", "-1"], "--seed -1"),
        (["train", "--seed", str(2**31)], "--seed 2147483648"),
        (["run", "x", "--bo\x1bgus"], "--bo\\x1bgus"),
    ],
)
def test_bad_input_is_one_line(preset, capsys, arguments, words):
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    err = capsys.readouterr().err
    assert code == 2 and words in err and err.count("\n") == 1, err
    assert [path.name for path in Path().iterdir()] == ["world"]


def test_control_characters_are_shown_and_never_obeyed(preset, capsys):
    prompt = "A red\x1b]0;owned\x07 square. Add \x9b31m a circle \u202e."
    assert main(["run", prompt, "--preset", str(preset), "--out", "a\x1b[2J"]) in (0, 3)
    out, err = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in out + err) and "\\x1b" in out
    assert terminal.visible("é→\u200d\t\n") == "é→\u200d\t\n"


def test_json_alone_on_stdout_in_any_code_page(preset):
    words = ["run", "A red square → é 😀", "--preset", str(preset), "--json", "--out"]
    for page in ("cp1252", "ascii", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-m", "poser", *words, page],
            capture_output=True,
            env={"PYTHONIOENCODING": page, "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": "/nowhere"},
        )
        assert done.returncode in (0, 3) and b"Traceback" not in done.stderr
        assert json.loads(done.stdout.decode(page))["prompt"] == "A red square → é 😀"


def test_a_full_or_closed_output_is_one_line(preset):
    run = f"{sys.executable} -m poser run 'A red square' --preset {preset} --quiet --out"
    for name, rest in (("full", ">/dev/full"), ("closed", ">&-")):
        done = subprocess.run(
            f"{run} {name} {rest}",
            shell=True,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        )
        assert "Traceback" not in done.stderr and done.stderr.count("\n") <= 1, done.stderr
        assert done.returncode == 2 if name == "full" else done.returncode in (0, 3)


def test_help_names_every_policy_and_completion_is_a_script(capsys):
    from poser import policies

    with pytest.raises(SystemExit):
        main(["run", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(name in said for name in policies.names())
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "--max-steps" in script and "vocabulary" in script


def test_one_bad_item_is_its_own_error(preset):
    poser = Poser.from_pretrained(preset)
    prompts = ["A red square.", " ", None, "Add a heart.", "Add a star. " * 600]
    out = poser(prompts, [None, None, None, "absent.png", None], seed=3)
    assert [type(error).__name__ for error in out.errors] == ["NoneType", *["PoserError"] * 4]
    assert len(out.trajectories) == 5 and len(out.images) == 1 and out.trajectories[0].task.seed == 3
    assert not any(t.steps for t in out.trajectories[1:]) and out.satisfied[1:] == [False] * 4
    assert "\n" not in repr(out) and len(repr(out)) < 300 and "refused=4" in repr(out)
    with pytest.raises(PoserError, match="empty"):
        poser(prompts[:2], errors="raise")
    with pytest.raises(PoserError, match="empty"):
        poser(" ")
    assert [path.name for path in out.save("saved")] == ["000"] and load("saved/000") == out.trajectories[0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"max_steps": -3}, "max_steps -3 is out of range"),
        ({"max_steps": 0}, "max_steps 0 is out of range"),
        ({"seats": 0}, "seats 0 is out of range"),
        ({"seed": None}, "seed None is no whole number"),
        ({"seed": "7"}, "seed '7' is no whole number"),
        ({"seed": 1.5}, "seed 1.5 is no whole number"),
        ({"seed": 2**40}, "out of range"),
        ({"seed": True}, "no whole number"),
        ({"errors": "ignore"}, "give 'return' or 'raise'"),
    ],
)
def test_python_refuses_what_the_shell_refuses(preset, more, words):
    with pytest.raises(PoserError, match=words):
        Poser.from_pretrained(preset)("A red square.", **more)

"""The command line, over an agent that plays back an episode made by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

import poser.agent
from experts.poster.render import render
from experts.poster.scene import Item, Scene
from poser.agent import Output
from poser.cli import main
from poser.runs.record import finished, load
from poser.types import PoserError, Trajectory
from tests.poser import episodes

ROOT = Path(__file__).parents[2]


@dataclass
class Playback:
    """Plays `whole` step by step as the agent would; stops like Ctrl-C before step `interrupt`."""

    whole: Trajectory
    interrupt: int | None = None
    asked: object = None
    mdp: object = field(default_factory=lambda: SimpleNamespace(actions=SimpleNamespace(cards={})))

    def from_config(self, config):
        self.asked = config
        return self

    def __call__(
        self, prompt, image=None, *, seed=0, max_steps=None, on_start=None, on_step=None, begun=None, **wishes
    ):
        print("noise of a library")
        assert prompt.strip() and (begun is not None or (image is None) == (self.whole.task.image is None))
        on_start(replace(self.whole, steps=()))
        for number, step in enumerate(self.whole.steps):
            if number == self.interrupt:
                raise KeyboardInterrupt
            if begun is None or number >= len(begun.steps):
                on_step(step)
        return Output(self.whole.images, [self.whole])


@pytest.fixture
def play(monkeypatch, tmp_path):
    """Puts a playback in the agent's place and works in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def put(whole: Trajectory, interrupt: int | None = None) -> Playback:
        playback = Playback(replace(whole, config=poser.agent.configs.load("poster").dump()), interrupt)
        monkeypatch.setattr(poser.agent, "Poser", playback)
        return playback

    return put


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_everything(play, drawn, tmp_path, capsys):
    playback = play(drawn)
    assert main(["run", drawn.task.prompt, "--out", "out/demo"]) == 3
    folder = tmp_path / "out" / "demo"
    steps = {"steps/01-poster-sd-generate-current.png"}
    assert files(folder) == {"trajectory.jsonl", "config.yaml", "final.png", "report.html"} | steps
    assert finished(folder) and load(folder) == playback.whole
    out, err = capsys.readouterr()
    assert "out/demo/final.png" in out and "out/demo/report.html" in out and "noise" not in out
    assert "poster-sd/current" in err and "accepted" in err


def test_json_is_one_object_on_stdout(play, episode, tmp_path, capsys):
    episode.task.image.save(tmp_path / "in.png")
    play(episode)
    assert main(["run", episode.task.prompt, "--image", "in.png", "--out", "run", "--json", "--quiet"]) == 3
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert [step["expert"] for step in data["steps"]] == [step.action.expert for step in episode.steps]
    assert set(data["steps"][0]) >= {"command", "expert", "scope", "score", "accepted", "seconds", "usd"}
    assert data["satisfied"] is False and data["standing"] == "some"
    assert [row["command"] for row in data["ends"] if row["end"] == "done"] == [
        command.text for command in episode.steps[-1].after.plan.done
    ]
    assert [row["command"] for row in data["ends"] if row["end"] == "failed"] == ["add a <small> diamond & square"]
    assert data["versions"] == dict(episode.versions)
    assert Image.open(data["pictures"]["final"]).convert("RGB").tobytes() == episode.images[0].tobytes()
    assert [path is None for path in data["pictures"]["steps"]] == [False, False, True, False, False]
    assert all(Path(path).is_file() for path in data["pictures"]["steps"] if path)
    assert "accepted" not in err


def test_settings_reach_the_agent(play, drawn):
    playback = play(drawn)
    settings = ["--set", "rules.steps=4", "--set", "budget.usd=1", "--policy", "random"]
    assert main(["run", "A star", "--out", "a", "--quiet", *settings]) == 3
    assert (playback.asked.name, playback.asked.policy) == ("poster", "random")
    assert (playback.asked.rules.steps, playback.asked.budget.usd) == (4, 1)


def test_without_out_the_folder_is_dated_and_new(play, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "2026-01-02_03-04-05")
    play(drawn)
    for _ in range(3):
        assert main(["run", "A star", "--quiet"]) == 3
    names = sorted(folder.name for folder in (tmp_path / "runs").iterdir())
    assert names == ["2026-01-02_03-04-05", "2026-01-02_03-04-05-2", "2026-01-02_03-04-05-3"]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_ctrl_c_keeps_what_was_done_and_resume_ends_it(play, episode, tmp_path, capsys, steps):
    episode.task.image.save(tmp_path / "in.png")
    order = ["run", episode.task.prompt, "--image", "in.png", "--out"]
    play(episode, interrupt=steps)
    assert main([*order, "my run"]) == 130
    err = capsys.readouterr().err
    assert "poser run --resume 'my run'" in err and f"{steps} step" in err
    assert len(load("my run").steps) == steps and not finished("my run")
    assert "unfinished" in (tmp_path / "my run" / "report.html").read_text()
    assert main(["replay", "my run"]) == 0
    play(episode)
    assert main(["run", "--resume", "my run"]) == 3
    assert main([*order, "at once"]) == 3
    assert files(tmp_path / "my run") == files(tmp_path / "at once")
    for name in files(tmp_path / "my run") - {"report.html"}:
        assert (tmp_path / "my run" / name).read_bytes() == (tmp_path / "at once" / name).read_bytes(), name


def test_ctrl_c_before_anything(play, drawn, tmp_path, monkeypatch, capsys):
    playback = play(drawn)
    monkeypatch.setattr(playback, "from_config", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["run", "A star", "--out", "a"]) == 130
    assert "nothing was written" in capsys.readouterr().err and not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the prompt is empty"),
        ([" \n "], "the prompt is empty"),
        (["x", "--image", "absent.png"], "absent.png"),
        (["x", "--image", "text.png"], "not an image: text.png"),
        (["x", "--image", "."], "not a file"),
        (["x", "--image", "huge.png"], "huge.png is 9000x9000 px"),
        (["x", "--preset", "postr"], "did you mean 'poster'"),
        (["x", "--set", "rules.step=4"], "did you mean 'steps'"),
        (["x", "--set", "rules"], "key=value"),
        (["x", "--seed", "-1"], "--seed -1"),
        (["x", "--seed", "one"], "--seed"),
        (["x", "--max-steps", "0"], "--max-steps 0"),
        (["x", "--out", "file/run"], "choose another --out"),
        (["x", "--out", "file"], "choose another --out"),
        (["x", "--bogus"], "--bogus"),
        (["--resume", "absent"], "no run in 'absent'"),
        (["x", "--resume", "absent"], "leave out PROMPT"),
        (["--resume", "absent", "--seed", "3"], "leave out --seed"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(play, drawn, tmp_path, capsys, arguments, words):
    play(drawn)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "file").write_text("")
    if "huge.png" in arguments:
        Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    before = files(tmp_path)
    try:
        code = main(["run", *arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2 and not out
    assert words in err and err.count("\n") == 1, err
    assert files(tmp_path) == before and not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", [["--policy", "gredy"], ["--policy", "fixed:nobody"], ["--set", "experts=[nobody]"]])
def test_the_agents_own_refusals_are_one_line(tmp_path, monkeypatch, capsys, option):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("poser.critics.load", lambda *_: None)  # whose weights are not the subject
    assert main(["run", "x", "--out", "a", *option]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and ("gredy" in err or "nobody" in err)
    assert not (tmp_path / "a").exists()


def test_an_earlier_run_is_safe_unless_overwritten(play, episode, drawn, tmp_path, capsys):
    playback = play(drawn)
    assert main(["run", "A star", "--out", "a", "--quiet"]) == 3
    log = (tmp_path / "a" / "trajectory.jsonl").read_bytes()
    assert main(["run", "A star", "--out", "a"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["run", "--resume", "a"]) == 2
    assert "finished" in capsys.readouterr().err
    assert (tmp_path / "a" / "trajectory.jsonl").read_bytes() == log
    assert main(["run", "A star", "--out", "a", "--overwrite", "--quiet"]) == 3
    assert load("a") == playback.whole


def claimed(whole: Trajectory) -> Trajectory:
    """A run whose every command is done, and whose last verdict finds nothing wrong."""
    (first, *_) = whole.steps
    plan = replace(first.before.plan, done=first.before.plan.pending, current=None, remaining=())
    verdict = replace(first.critique, wanted=(0.9, 0.9), harmed=())
    after = replace(first.after, plan=plan, verdict=verdict, critique=verdict, ended=True)
    return replace(whole, steps=(replace(first, critique=verdict, after=after, terminated=True),))


def test_exit_code_0_everything_is_satisfied(play, drawn, capsys):
    play(claimed(drawn))
    assert main(["run", drawn.task.prompt, "--out", "a", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("all satisfied (2 of 2) in 1 call")
    assert main(["run", drawn.task.prompt, "--out", "b", "--quiet", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["satisfied"] is True and data["standing"] == "all"
    assert {row["end"] for row in data["ends"]} == {"done"}


def test_exit_code_3_a_picture_and_not_everything(play, drawn, capsys):
    play(drawn)
    assert main(["run", drawn.task.prompt, "--out", "a", "--quiet"]) == 3
    out = capsys.readouterr().out
    assert out.startswith("1 of 2 done") and "left over: 'Add a heart': the policy delivered" in out
    spoiled = claimed(drawn)
    last = spoiled.steps[0]
    harmed = replace(last.after.verdict, harmed=("the star is not red",))
    play(replace(spoiled, steps=(replace(last, after=replace(last.after, verdict=harmed)),)))
    assert main(["run", drawn.task.prompt, "--out", "b", "--quiet"]) == 3
    assert "  harmed: the star is not red" in capsys.readouterr().out.splitlines()


def test_exit_code_1_no_picture(play, episode, capsys):
    failed = replace(episode.steps[2], before=replace(episode.steps[2].before, image=None))
    failed = replace(failed, after=replace(failed.after, image=None), terminated=True)
    play(replace(episode, task=replace(episode.task, image=None), steps=(failed,)))
    assert main(["run", "A star", "--out", "a"]) == 1
    assert "no picture was made" in capsys.readouterr().err


def test_what_nobody_understands_costs_nothing_and_exits_with_1(tmp_path, monkeypatch, capsys):
    """The whole way through the embedded preset: no expert is asked, no picture is there, and the report says why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("experts.pool.Pool.run", lambda *_: pytest.fail("an expert was asked"))
    assert main(["run", "hello", "--out", "a", "--policy", "greedy", "--json", "--quiet"]) == 1
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert (data["calls"], data["standing"], data["satisfied"], data["steps"]) == (0, "none", False, [])
    assert data["pictures"] == {"final": None, "steps": []}
    assert [row["end"] for row in data["ends"]] == ["not understood"] and all(row["reason"] for row in data["ends"])
    assert "poser vocabulary" in err
    assert files(tmp_path / "a") == {"trajectory.jsonl", "config.yaml", "report.html"} and finished("a")
    assert "not understood" in (tmp_path / "a" / "report.html").read_text()
    assert main(["replay", "a"]) == 0 and load("a").plan.dropped[0].text == "hello"


def test_a_command_that_is_not_possible_costs_nothing_either(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("experts.pool.Pool.run", lambda *_: pytest.fail("an expert was asked"))
    render(Scene("white", (Item(4, "heart", "red"),))).save("in.png")
    order = ["run", "Remove the circle.", "--image", "in.png", "--out", "a", "--policy", "greedy", "--json", "--quiet"]
    assert main(order) == 3, "the given picture stands"
    data = json.loads(capsys.readouterr().out)
    (row,) = data["ends"]
    assert data["calls"] == 0 and not data["satisfied"] and data["standing"] == "none"
    assert row["end"] == "not possible" and row["reason"].startswith("there is no circle") and "heart" in row["reason"]


def test_the_help_tells_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    assert "0 everything is satisfied; 3 a picture is delivered, and not everything is satisfied" in said
    assert "1 no picture is delivered; 2 bad input" in said


def test_vocabulary_shows_words_and_limits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["vocabulary", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {"red", "star", "background", "remove"} <= set(data["words"]) and data["limits"]
    assert all(words for words in data["words"].values())
    assert main(["vocabulary", "--picture", "sheet.png"]) == 0
    out = capsys.readouterr().out
    assert "star" in out and "3x3 grid" in out and Image.open("sheet.png").width > 96
    assert main(["vocabulary", "--language", "xx"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "'xx'" in err and "en" in err


def test_replay_redraws_without_a_model(play, episode, tmp_path, capsys):
    episode.task.image.save(tmp_path / "in.png")
    play(episode)
    main(["run", episode.task.prompt, "--image", "in.png", "--out", "a", "--quiet"])
    report, final = (tmp_path / "a" / "report.html", tmp_path / "a" / "final.png")
    drawn_first = report.read_text(), final.read_bytes()
    report.unlink(), final.unlink()
    capsys.readouterr()
    assert main(["replay", "a"]) == 0
    assert capsys.readouterr().out.split() == ["a/final.png", "a/report.html"]
    assert (report.read_text(), final.read_bytes()) == drawn_first
    assert main(["replay", "absent"]) == 2


def test_experts_lists_every_expert_of_the_preset(capsys):
    assert main(["experts", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["experts"]
    assert [row["id"] for row in rows] == list(poser.agent.configs.load("poster").experts)
    assert all(row["description"] and row["verbs"] and row["licence"] for row in rows)
    assert main(["experts"]) == 0
    table = capsys.readouterr().out
    assert all(row["id"] in table and ", ".join(row["verbs"]) in table for row in rows)
    assert main(["experts", "--preset", "postr"]) == 2


def test_doctor_says_what_is_missing(tmp_path, capsys):
    gone = tmp_path / "gone"
    file = tmp_path / "mine.yaml"
    card = "{mode: text-to-image, description: Draws.}"
    expert = f"{{family: stable_diffusion, weights: {gone}, card: {card}, get: 'type: fetch it'}}"
    file.write_text(f"experts:\n  far: {expert}\ncritic: {{name: vqa, model: {gone}}}\ndevice: cpu\n")
    assert main(["doctor", "--preset", str(file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    lacks = "\n".join(found["presets"][str(file)]["lacks"])
    assert f"expert far: not there: {gone}; type: fetch it" in lacks
    assert f"critic: no folder {gone}" in lacks
    assert "embedder" not in lacks and "device" not in lacks
    assert found["packages"]["torch"] and found["devices"][-1]["device"] == "cpu" and found["memory_gib"] > 0
    assert main(["doctor", "--preset", "postr"]) == 1
    assert "did you mean 'poster'" in capsys.readouterr().out


def test_doctor_never_shows_a_key(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-words")
    main(["doctor", "--json"])
    out = capsys.readouterr().out
    assert json.loads(out)["keys"]["OPENAI_API_KEY"] is True and "secret-words" not in out


def test_user_errors_only(play, drawn, monkeypatch, capsys):
    def broken(*_, **__):
        raise PoserError("two\nlines")

    playback = play(drawn)
    monkeypatch.setattr(playback, "from_config", broken)
    assert main(["run", "x"]) == 2
    assert capsys.readouterr().err == "poser: two lines\n"
    monkeypatch.setattr(playback, "from_config", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["run", "x"])


def test_version_and_module():
    done = subprocess.run([sys.executable, "-m", "poser", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("poser 0.")


def test_episodes_are_whole():
    """The hand-made episodes chain: each step begins where the last one ended."""
    for whole in (episodes.edited(), episodes.drawn()):
        for one, two in zip(whole.steps, whole.steps[1:], strict=False):
            assert one.after is two.before

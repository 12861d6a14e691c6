"""Law 8 through the real agent: a run that is cut off by Ctrl-C resumes and ends as the uninterrupted one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import poser.agent
from experts.fake import fake_entries
from experts.registry import Registry
from experts.types import image_digest
from poser.cli import main
from poser.planning.poster import PosterExtractor
from poser.runs.ends import claimed, ends_of
from poser.runs.record import Recorder, finished, load
from poser.types import Critique, Trajectory

PROMPT = "A red square. Add a circle. Then make it blue. Remove the square. Add a heart."


@dataclass
class Judge:
    """Scores by the picture's digest; presses Ctrl-C instead of its verdict number `interrupt`."""

    interrupt: int | None = None
    id: str = "judge/1"
    asked: list[int] = field(default_factory=list)

    def __call__(self, looks):
        self.asked.append(len(looks))
        if len(self.asked) == self.interrupt:
            raise KeyboardInterrupt
        return [
            Critique(
                tuple(self.score(look, k) for k in range(len(look.wanted))),
                tuple(self.score(look, -1 - k) for k in range(len(look.earlier))),
                critic=self.id,
            )
            for look in looks
        ]

    @staticmethod
    def score(look, salt: int) -> float:
        return (int(image_digest(look.image)[:6], 16) * (salt + 7) % 1000) / 1000


@pytest.fixture
def judged(monkeypatch, tmp_path):
    """The real agent over fake experts, judged by a `Judge`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(poser.agent, "registry_of", lambda _: Registry(fake_entries(2, 2)))

    def put(interrupt: int | None = None) -> Judge:
        judge = Judge(interrupt)
        monkeypatch.setattr("poser.critics.load", lambda *_: judge)
        return judge

    return put


def story(folder: str) -> list[str]:
    """The log without times, which no two runs share."""
    lines = (Path(folder) / "trajectory.jsonl").read_text().splitlines()
    return [re.sub(r'"seconds": [^,}]*', "", line) for line in lines]


@pytest.mark.parametrize("policy", ["greedy", "random"])
def test_an_interrupted_run_ends_as_the_uninterrupted_one(judged, capsys, policy):
    order = ["run", PROMPT, "--seed", "5", "--policy", policy, "--set", "wording=plain", "--quiet", "--out"]
    judged()
    code = main([*order, "whole"])
    assert code == (0 if claimed(load("whole")) else 3)
    steps = len(load("whole").steps)
    assert steps >= 3 and finished("whole")
    for cut in range(1, steps):
        judged(interrupt=cut)
        name = f"cut-{cut}"
        assert main([*order, name]) == 130
        assert len(load(name).steps) == cut - 1
        judged()
        assert main(["run", "--resume", name, "--quiet"]) == code
        assert load(name).plan == load("whole").plan and ends_of(load(name)) == ends_of(load("whole"))
        assert story(name) == story("whole")
        assert (Path(name) / "final.png").read_bytes() == Path("whole/final.png").read_bytes()


def test_twice_interrupted(judged):
    judged(interrupt=2)
    assert main(["run", PROMPT, "--out", "a", "--quiet"]) == 130
    judged(interrupt=2)
    assert main(["run", "--resume", "a", "--quiet"]) == 130
    assert len(load("a").steps) == 2
    judged()
    code = main(["run", PROMPT, "--out", "b", "--quiet"])
    assert main(["run", "--resume", "a", "--quiet"]) == code == (0 if claimed(load("b")) else 3)
    assert story("a") == story("b")


@pytest.mark.parametrize("interrupt", [1, 3])
def test_a_run_is_begun_once_and_taken_up_once(judged, monkeypatch, interrupt):
    """The recorder hears of a run a single time, whether it is new or resumed; what it hears holds what was done."""
    begun: list[int] = []
    start = Recorder.start

    def counted(recorder: Recorder, whole: Trajectory) -> None:
        begun.append(len(whole.steps))
        start(recorder, whole)

    monkeypatch.setattr(Recorder, "start", counted)
    judged(interrupt=interrupt)
    assert main(["run", PROMPT, "--out", "a", "--quiet"]) == 130 and begun == [0]
    judged()
    main(["run", "--resume", "a", "--quiet"])
    assert begun == [0, interrupt - 1] and finished("a")


def test_a_resumed_run_plans_nothing_anew(judged, monkeypatch):
    """The plan is the one of the record: the extractor is not asked for a first plan a second time."""
    judged(interrupt=3)
    main(["run", PROMPT, "--out", "a", "--quiet"])
    monkeypatch.setattr(
        PosterExtractor, "start", lambda _, tasks, seen=(): [pytest.fail("planned anew") for _ in tasks]
    )
    judged()
    main(["run", "--resume", "a", "--quiet"])
    assert finished("a") and load("a").plan.pending[0].text == "A red square"

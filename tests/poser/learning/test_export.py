"""Recorded episodes for other tools: what a table holds, and what a Minari dataset gives back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from poser.cli import main
from poser.learning import export
from poser.learning.offline import known, read
from poser.learning.train import train
from poser.types import PoserError
from tests.poser.learning import doors
from tests.poser.learning.test_train import setting, short
from tests.poser.world import make


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(setting(), short(total_timesteps=60), tmp_path_factory.mktemp("made") / "run")


def test_a_table_has_a_row_a_step_in_both_forms(records: Path, tmp_path: Path) -> None:
    episodes = list(read(records))
    steps = [step for whole in episodes for step in whole.steps]
    assert export.write_table(episodes, tmp_path / "a.jsonl", "jsonl") == len(steps)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["reward"] for row in rows] == [step.reward["total"] for step in steps]
    assert {row["episode"] for row in rows} == set(range(len(episodes)))
    stops = [row for row in rows if row["expert"] == "stop"]
    assert all(row["score"] is None and row["commands"] == "" for row in stops)
    assert any(row["commands"] and row["prompt"] for row in rows)
    import pyarrow.parquet

    export.write_table(episodes, tmp_path / "a.parquet", "parquet")
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist() == [
        {name: row.get(name) for name in dict.fromkeys(n for r in rows for n in r)} for row in rows
    ]


def test_a_minari_dataset_gives_back_what_a_learner_would_have_seen(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    mdp = make()
    observer = doors.observer(mdp)
    episodes = [whole for whole in read(records) if known(whole, mdp, observer)]
    count = export.write_minari(episodes, "tests/made-v0", mdp, observer)
    found = list(minari.load_dataset("tests/made-v0").iterate_episodes())
    assert len(found) == len(episodes) and count == sum(len(episode.actions) for episode in found)
    for episode, whole in zip(found[:5], episodes[:5], strict=True):
        steps = whole.steps
        assert [mdp.actions.slots[slot] for slot in episode.actions] == [step.action for step in steps]
        assert episode.terminations.tolist() == [False] * (len(steps) - 1) + [True]
        seen = observer([*(step.before for step in steps), steps[-1].after])
        for name, rows in seen.items():
            assert np.array_equal(np.asarray(episode.observations[name]), rows), name
        mask = np.asarray(episode.observations["mask"])
        assert all(mask[k, slot] for k, slot in enumerate(episode.actions))
    with pytest.raises(PoserError, match="no dataset 'tests/made-v0'"):
        export.write_minari(episodes, "tests/made-v0", mdp, observer)


def test_the_command_writes_and_refuses_in_one_line(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(records), str(tmp_path / "steps.jsonl")]) == 0
    assert len((tmp_path / "steps.jsonl").read_text().splitlines()) > 40
    capsys.readouterr()
    for arguments, words in (
        ((str(records), "steps.csv"), "ends in neither"),
        ((str(tmp_path / "no"), "a.jsonl"), "no records"),
    ):
        assert main(["export", *arguments]) == 2
        told = capsys.readouterr().err
        assert words in told and told.count("\n") == 1

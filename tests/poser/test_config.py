"""Configs: presets load, overrides lie over them, whatever is wrong is one line that says what to type."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from poser import config
from poser.config import Config, load, override, presets
from poser.types import PoserError


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_loads_and_comes_back_equal(name, tmp_path):
    preset = load(name)
    assert preset.name == name
    assert Config.model_validate(preset.dump()) == preset
    (tmp_path / "config.yaml").write_text(preset.to_yaml())
    assert load(tmp_path / "config.yaml") == load(tmp_path) == preset


def test_the_embedded_preset_is_the_papers_rules():
    preset = load("poster")
    assert preset.experts[0] == "poster-sd" and len(preset.experts) == 6
    assert (preset.rules.steps, preset.rules.attempts) == (6, 3)
    assert preset.reward["score"] == 1.0 and preset.reward["step"] == -0.05 and preset.reward["usd"] == 0.0
    assert preset.budget.usd == preset.budget.seconds == math.inf


def test_overrides_lie_over_the_preset():
    changed = load("poster", {"rules.steps": 4, "reward.usd": -1, "budget": {"usd": 0.5}, "experts": ["a", "b"]})
    assert changed.rules.steps == 4 and changed.rules.attempts == 3
    assert changed.reward["usd"] == -1.0 and changed.reward["score"] == 1.0
    assert changed.budget.usd == 0.5 and changed.budget.seconds == math.inf
    assert changed.experts == ("a", "b")
    assert load("poster").rules.steps == 6


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("rules.steps=4", "rules.steps", 4),
        ("cache=a=b", "cache", "a=b"),
        ("experts=[a, b]", "experts", ["a", "b"]),
        ("budget.usd=.inf", "budget.usd", math.inf),
        ("embedder.model=", "embedder.model", None),
    ],
)
def test_override_texts(text, key, value):
    assert override(text) == (key, value)


@pytest.mark.parametrize("text", ["rules.steps", "=4", "a=[1"])
def test_override_texts_that_are_none(text):
    with pytest.raises(PoserError, match="override"):
        override(text)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"rules.step": 4}, ["'rules.step'", "did you mean 'steps'"]),
        ({"zzz": 1}, ["unknown key 'zzz'", "rules"]),
        ({"rules.steps": 0}, ["rules.steps = 0", "greater than or equal to 1"]),
        ({"rules.steps": 101}, ["rules.steps = 101", "100"]),
        ({"rules.threshold": math.nan}, ["rules.threshold = nan"]),
        ({"rules.steps.x": 4}, ["'steps' is 6"]),
        ({"rules": 4}, ["rules = 4"]),
        ({"size": [3, 96]}, ["size.0 = 3", "16"]),
        ({"device": "gpu"}, ["device = 'gpu'", "'cuda'"]),
        ({"extractor": 3}, ["extractor", "{name: vqa}"]),
        ({"experts": []}, ["experts", "list of ids"]),
        ({"experts": ["a", "a"]}, ["'a' stands there twice"]),
        ({"experts": {"a": 3}}, ["the entry of 'a' is 3"]),
        ({"critic": {"model": "x"}}, ["critic", "'name'"]),
        ({"reward": {"scores": 1}}, ["'scores'", "did you mean 'score'"]),
        ({"reward.usd": math.inf}, ["reward.usd = inf", "finite"]),
        ({"budget.seconds": 0}, ["budget.seconds = 0"]),
    ],
)
def test_what_is_wrong_is_one_line(overrides, words):
    with pytest.raises(PoserError) as problem:
        load("poster", overrides)
    line = str(problem.value)
    assert "\n" not in line and "pydantic" not in line
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postr", ["no preset 'postr'", "did you mean 'poster'"]),
        ("no/such.yaml", ["no config file", "poster"]),
        ("absent.yaml", ["no config file"]),
    ],
)
def test_unknown_presets(name, words):
    with pytest.raises(PoserError) as problem:
        load(name)
    assert all(word in str(problem.value) for word in words)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n", "\x00", "", "!!python/object/apply:os.getcwd []"])
def test_files_that_are_no_config(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(PoserError) as problem:
        load(file)
    assert str(file) in str(problem.value) and "\n" not in str(problem.value)


def test_paths_are_relative_to_the_file_and_absolute_once_resolved(tmp_path, monkeypatch):
    (tmp_path / "there" / "weights").mkdir(parents=True)
    file = tmp_path / "there" / "mine.yaml"
    entry = {"family": "flux", "weights": "./weights", "components": {"vae": "owner/name"}}
    data = {"experts": {"a": entry}, "cache": "store", "critic": {"name": "vqa", "model": "../critic"}}
    file.write_text(yaml.safe_dump(data))
    mine = load(file, {"embedder.model": "./mini"})
    assert mine.name == "mine"
    assert mine.cache == str(tmp_path / "there" / "store")
    assert mine.critic["model"] == str(tmp_path / "critic")
    assert mine.experts["a"]["weights"] == str(tmp_path / "there" / "weights")
    assert mine.experts["a"]["components"]["vae"] == "owner/name"
    assert mine.embedder.model == str(Path.cwd() / "mini")
    (tmp_path / "elsewhere.yaml").write_text(mine.to_yaml())
    monkeypatch.chdir("/")
    assert load(tmp_path / "elsewhere.yaml") == mine


def test_presets_are_found_in_a_checkout_and_in_a_wheel(tmp_path, monkeypatch):
    (tmp_path / "one.yaml").write_text("experts: [a]\n")
    monkeypatch.setattr(config, "_PRESETS", (tmp_path / "absent", tmp_path))
    assert list(presets()) == ["one"] and load("one").experts == ("a",)

"""Configs: presets load, overrides lie over them, whatever is wrong is one line that says what to type."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from poser import config
from poser.config import Config, load, override, presets
from poser.roster import registry_of
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


def write(folder: Path, **files: str) -> Path:
    """YAML files by name; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_a_file_extends_a_preset(tmp_path):
    write(tmp_path, mine="extends: poster\nrules: {steps: 4}\nreward: {usd: -1}\nsize: [192, 96]\n")
    mine, base = load(tmp_path / "mine.yaml"), load("poster")
    assert mine.name == "mine" and mine.size == (192, 96)
    assert mine.rules == base.rules.model_copy(update={"steps": 4})
    assert mine.reward == {**base.reward, "usd": -1.0}
    assert (mine.experts, mine.wording, mine.critic) == (base.experts, base.wording, base.critic)
    assert "extends" not in mine.dump() and Config.model_validate(mine.dump()) == mine


def test_extending_merges_mappings_and_replaces_experts_and_what_is_named(tmp_path):
    base = """
experts:
  a: {family: flux, weights: owner/a}
  b: {family: flux, weights: owner/b}
critic: {name: cascade, first: {name: clip, batch: 4}, then: {name: vqa}, unsure: [0.1, 0.9]}
extractor: {name: llm, model: m, limits: {tokens: 9, calls: 2}}
wording: {name: llm, model: m}
"""
    mine = """
extends: base.yaml
experts:
  c: {family: flux, weights: owner/c}
critic: {first: {batch: 8}}
extractor: {limits: {calls: 3}}
wording: {name: plain}
"""
    write(tmp_path, base=base, mine=mine)
    merged = load(tmp_path / "mine.yaml")
    assert list(merged.experts) == ["c"]
    assert merged.critic == {
        "name": "cascade",
        "first": {"name": "clip", "batch": 8},
        "then": {"name": "vqa"},
        "unsure": [0.1, 0.9],
    }
    assert merged.extractor == {"name": "llm", "model": "m", "limits": {"tokens": 9, "calls": 3}}
    assert merged.wording == {"name": "plain"}


def test_a_chain_of_presets_in_several_folders(tmp_path, monkeypatch):
    write(tmp_path / "a", one="extends: poster\ncache: store\nrules: {steps: 2, attempts: 2}\n")
    write(tmp_path / "b", two="extends: ../a/one.yaml\nrules: {steps: 3}\n")
    write(tmp_path / "b", three="extends: two.yaml\npolicy: mine.py:x\n", poster="extends: poster\n")
    monkeypatch.chdir("/")  # every path is relative to the file in which it stands
    three = load(tmp_path / "b" / "three.yaml")
    assert (three.name, three.rules.steps, three.rules.attempts) == ("three", 3, 2)
    assert three.cache == str(tmp_path / "a" / "store") and three.policy == f"{tmp_path / 'b' / 'mine.py'}:x"
    assert load(tmp_path / "b" / "poster.yaml") == load("poster")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"one": "extends: one.yaml"}, ["one.yaml extends itself", "name another preset"]),
        ({"one": "extends: two.yaml", "two": "extends: ./one.yaml"}, ["one.yaml extends itself"]),
        ({"one": "extends: postr"}, ["no preset 'postr'", "did you mean 'poster'?"]),
        ({"one": "extends: ./absent.yaml"}, ["no config file", "absent.yaml"]),
        ({"one": "extends: [poster]"}, ["no preset"]),
        ({"one": "extends: poster\nrules: {step: 3}"}, ["unknown key 'rules.step'", "did you mean 'steps'"]),
        ({"one": "extends: poster\nexperts: []"}, ["experts", "list of ids"]),
    ],
)
def test_bases_that_cannot_be_extended(files, words, tmp_path):
    with pytest.raises(PoserError) as problem:
        load(write(tmp_path, **files) / "one.yaml")
    line = str(problem.value)
    assert "\n" not in line and all(word in line for word in words), line


def test_python_files_are_relative_to_the_config(tmp_path, monkeypatch):
    text = "extends: poster\ncritic: {name: ensemble, members: [{name: mine.py}, {name: vqa}]}\nwording: ./words.py\n"
    text += (
        "policy: ./first.py:poster-sd\nexperts: [{own: {file: own.py, card: {mode: text-to-image, description: D}}}]\n"
    )
    write(tmp_path / "there", mine=text)
    monkeypatch.chdir("/")
    mine, there = load(tmp_path / "there" / "mine.yaml"), tmp_path / "there"
    assert mine.critic["members"] == [{"name": str(there / "mine.py")}, {"name": "vqa"}]
    assert mine.wording == {"name": str(there / "words.py")} and mine.policy == f"{there / 'first.py'}:poster-sd"
    assert mine.experts["own"]["file"] == str(there / "own.py")
    monkeypatch.chdir(tmp_path)
    assert load("poster", {"policy": "first.py"}).policy == str(tmp_path / "first.py")


OWN = {"own": {"file": "./own.py", "card": {"mode": "image-to-image", "description": "Mine."}}}


def test_a_list_of_experts_mixes_ids_and_entries():
    mixed = load("poster", {"experts": ["poster-sd", OWN, "poster-ip2p"]})
    found = registry_of(mixed)
    assert list(found) == ["poster-sd", "own", "poster-ip2p"]
    plain = registry_of(load("poster", {"experts": ["poster-sd", "poster-ip2p"]}))
    for id in plain:
        assert (found[id].card, found[id].needs, found[id].wording) == (plain[id].card, plain[id].needs, "poster")
    assert Config.model_validate(mixed.dump()) == mixed
    two = {"x": {"like": "poster-sd"}, "y": {"like": "poster-ip2p"}}
    assert list(registry_of(load("poster", {"experts": [two, "poster-flux"]}))) == ["x", "y", "poster-flux"]


@pytest.mark.parametrize(
    ("experts", "words"),
    [
        (["poster-sd", OWN, OWN], ["'own' stands there twice"]),
        (["poster-sd", {"poster-sd": {"like": "poster-sd"}}], ["'poster-sd' stands there twice"]),
        (["poster-sd", {"own": "own.py"}], ["the entry of 'own' is"]),
        ([OWN, 3], ["expected a list of ids and of mappings id -> entry"]),
        ([OWN, ["poster-sd"]], ["expected a list of ids and of mappings id -> entry"]),
        ([{3: {}}], ["experts"]),
    ],
)
def test_mixed_lists_that_are_none(experts, words):
    with pytest.raises(PoserError) as problem:
        load("poster", {"experts": experts})
    line = str(problem.value)
    assert "\n" not in line and all(word in line for word in words), line


def test_an_unknown_id_in_a_mixed_list_names_the_nearest():
    with pytest.raises(PoserError, match="no such expert 'poster-sdd'; did you mean 'poster-sd'"):
        registry_of(load("poster", {"experts": ["poster-sdd", OWN]}))


@pytest.mark.parametrize(
    "experts", ["[poster-sd]", "[poster-sd, {x: {like: poster-ip2p}}]", "{x: {like: poster-ip2p}}"]
)
def test_poster_experts_need_their_wording(experts, tmp_path):
    write(tmp_path, mine=f"experts: {experts}\n", mended=f"extends: poster\nexperts: {experts}\n")
    write(tmp_path, set=f"experts: {experts}\nwording: poster\n")
    with pytest.raises(PoserError) as problem:
        registry_of(load(tmp_path / "mine.yaml"))
    line = str(problem.value)
    assert "knows only the words of wording 'poster', not of 'plain'" in line and "\n" not in line
    assert "set wording: poster, or begin your config with extends: poster" in line
    for name in ("mended", "set"):  # both remedies
        assert registry_of(load(tmp_path / f"{name}.yaml"))


def test_an_installed_package_ignores_a_configs_folder_that_is_not_its_own(tmp_path):
    root, site = Path(config.__file__).parents[1], tmp_path / "site"
    (site / "poser").mkdir(parents=True)
    for file in (root / "poser").iterdir():
        (site / "poser" / file.name).symlink_to(file)
    (site / "poser" / "configs").symlink_to(root / "configs")
    (site / "experts").symlink_to(root / "experts")
    write(site / "configs", stranger="experts: [a]\n", poster="experts: [a]\n")
    code = "from poser import config as c; print(sorted(c.presets())); print(c.locate('poster')); print(c._PRESETS)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    names, place, folders = done.stdout.splitlines()
    assert names == str(sorted(file.stem for file in (root / "configs").glob("*.yaml")))
    assert place == str(site / "poser" / "configs" / "poster.yaml") and str(site / "configs") not in folders


def test_what_a_policy_is_read_from_is_relative_to_the_config_file(tmp_path, monkeypatch):
    (tmp_path / "there" / "runs" / "x").mkdir(parents=True)
    (tmp_path / "there" / "mine.yaml").write_text("extends: poster\npolicy: dqn:runs/x\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert load(tmp_path / "there" / "mine.yaml").policy == f"dqn:{tmp_path / 'there' / 'runs' / 'x'}"
    for same in ("dqn:poster", "fixed:poster-sd+poster-ip2p", "planner:m@http://127.0.0.1:8000/v1", "dqn:runs/y"):
        assert load("poster", {"policy": same}).policy == same
    assert load("poster", {"policy": "table:./t.json"}).policy == f"table:{tmp_path / 'here' / 't.json'}"

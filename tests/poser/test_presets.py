"""Every file in configs/ loads and its registry builds; doctor says what each lacks, and when nothing is lacking."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from experts.hub import split
from experts.registry import builtin
from experts.types import Card
from poser import doctor
from poser.agent import Poser
from poser.cli import main
from poser.config import Config, load, presets
from poser.doctor import findings
from poser.downloads import requirements
from poser.plugins import load as plugin
from poser.plugins import named, requirements_of
from poser.roster import playable, registry_of, residency_of, restricted
from poser.types import PoserError

NAMES = ("api", "local-24gb", "local-80gb", "mixed", "paper", "poster")
FULL_SIZE = [name for name in NAMES if name != "poster"]
KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "REPLICATE_API_TOKEN")
GPUS = {"local-24gb": 24.0, "local-80gb": 79.1, "paper": 79.1, "mixed": 24.0}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without weights and keys."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.setattr("experts.hub.fetch.free", lambda: 10**13)
    return tmp_path


def gpu(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    """torch finds one GPU."""
    rows = [{"device": "cuda:0", "name": "a GPU", "gib": gib}, {"device": "cpu", "name": "x", "threads": 1}]
    monkeypatch.setattr(doctor, "devices", lambda: rows)


def downloaded(home: Path, config: Config) -> None:
    """Everything that its experts and critic need lies in the hub cache, or in its folder."""
    needs = [need for entry in registry_of(config).values() for need in entry.needs]
    for need in [*needs, *requirements_of(plugin("critic", *named(config.critic))).models]:
        if need.startswith("/"):
            Path(need).mkdir(parents=True, exist_ok=True)
            continue
        repo, part, revision = split(need)
        folder = home / "hub" / f"models--{repo.replace('/', '--')}"
        whole = folder / "snapshots" / (revision if len(revision) == 40 else "a" * 40) / part
        for file in [whole] if whole.suffix == ".safetensors" else [whole / "config.json", whole / "model.safetensors"]:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        ref = folder / "refs" / (revision if "/" in revision else "main")
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text("a" * 40)


def test_these_are_the_presets() -> None:
    assert sorted(presets()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", ["full", "draft"])
def test_its_registry_builds(name: str, profile: str) -> None:
    config = load(name, {"profile": profile})
    if profile == "draft" and name in ("poster", "api"):
        with pytest.raises(PoserError, match="no expert has a profile 'draft'; profiles: full"):
            registry_of(config)
        return
    cards = playable(registry_of(config))
    assert {card.mode for card in cards} == {"text-to-image", "image-to-image"}
    assert config.rules.steps == 6 and config.rules.attempts == 3
    residency_of(config, registry_of(config))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_its_unit_or_reason(name: str) -> None:
    lines = presets()[name].read_text("utf-8").splitlines()
    bare = [line for line in lines if re.match(r"\s*\w+: *(\[?-?\.?\d|-?\.inf)", line) and "#" not in line]
    assert all(re.fullmatch(r"  \w+: 0\.0", line) for line in bare), bare  # terms of the reward that are off


@pytest.mark.parametrize("name", FULL_SIZE)
def test_a_bare_machine_lacks_all_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "devices", lambda: [{"device": "cpu", "name": "x", "threads": 1}])
    config = load(name)
    found = findings(config)
    lacks = "\n".join(found.lacks)
    for id, entry in registry_of(config).items():
        lines = [line for line in (found.notes if entry.gone else found.lacks) if id in line.split(": ")[0]]
        lines += [one.need for one in found.downloads if id in one.readers]
        assert lines, id
        assert all(need in "\n".join(lines) for need in entry.missing())
    assert "licence" in lacks if "flux" in lacks else True
    assert len(set(found.lacks)) == len(found.lacks) and not any("\n" in line for line in found.lacks)
    assert ("device: torch finds no GPU; type: --set device=auto" in found.lacks) == (config.device == "cuda")


@pytest.mark.parametrize("name", FULL_SIZE)
def test_with_weights_keys_packages_and_a_gpu_nothing_is_lacking(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(name)
    downloaded(home, config)
    gpu(monkeypatch, GPUS.get(name, 24.0))
    assert findings(config).downloads == ()
    monkeypatch.setattr("importlib.util.find_spec", _everything(doctor.importlib.util.find_spec))
    monkeypatch.setattr("poser.doctor.time.strftime", lambda _: "2026-11-21")
    for key in KEYS:
        monkeypatch.setenv(key, "x" * 24)
    assert findings(config).lacks == ()
    for key in KEYS:
        monkeypatch.delenv(key)
    asks = {"api", "mixed", "paper"}
    assert any("OPENAI_API_KEY" in line for line in findings(config).lacks) == (name in asks)


def _everything(real: Any) -> Any:
    return lambda name, *more: real(name, *more) or name == doctor.QUANTISER


def test_models_that_were_shut_down_are_notes_and_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load("paper")
    notes = "\n".join(findings(config).notes)
    assert "expert dall-e-3: dall-e-3, shut down by its service on 2026-05-12; use gpt-image-2.5-sunburst" in notes
    monkeypatch.setattr("poser.doctor.time.strftime", lambda _: "2026-12-10")
    assert any("critic chat: o3 will be shut down on 2026-12-11" in line for line in findings(config).notes)
    monkeypatch.setattr("poser.doctor.time.strftime", lambda _: "2026-12-11")
    assert any("critic chat: o3 was shut down on 2026-12-11; set its model" in line for line in findings(config).lacks)
    agent = Poser.from_config(load("paper", {"extractor": "rules", "critic": {"name": "vqa"}}))
    assert "dall-e-3" in agent.registry and "dall-e-3" not in agent.mdp.actions.cards
    assert "sd-1.5" in agent.mdp.actions.cards
    only = load("paper", {"experts": ["dall-e-3"]})
    assert any("every one of them is gone" in line for line in findings(only).lacks)
    with pytest.raises(PoserError, match="every expert is gone: dall-e-3"):
        playable(registry_of(only))


@pytest.mark.parametrize(
    ("gib", "overrides", "lack", "note"),
    [
        (79.1, {}, "", ""),
        (60.0, {}, "", "qwen-image-edit-2511 (58 GiB) and the critic (9.8 GiB) take turns: the GPU gives 60 GiB"),
        (24.0, {}, "memory: qwen-image-edit-2511 needs 58 GiB, the GPU gives 24; leave it out of experts", ""),
        (79.1, {"memory.vram_gib": 40}, "memory: qwen-image-edit-2511 needs 58 GiB, the GPU gives 40", ""),
        (8.0, {"experts": ["sd-1.5"]}, "memory: the critic needs 9.8 GiB, the GPU gives 8; set critic.model", ""),
        (None, {"device": "auto"}, "this machine gives", "models run on the CPU, slowly"),
    ],
)
def test_memory(
    gib: float | None, overrides: dict[str, Any], lack: str, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu(monkeypatch, gib) if gib else monkeypatch.setattr(doctor, "devices", lambda: [])
    monkeypatch.setattr(doctor, "ram_gib", lambda: 32.0)
    found = findings(load("local-80gb", overrides))
    told = [line for line in found.lacks if line.startswith("memory")], [n for n in found.notes if "chosen" not in n]
    for lines, words in zip(told, (lack, note), strict=True):
        assert len(lines) == bool(words) and all(words in line for line in lines)


def test_24_gb_has_two_editors_that_may_be_used_commercially() -> None:
    cards = playable(registry_of(load("local-24gb")))
    free = [card for card in cards if card.mode == "image-to-image" and card.commercial and not card.inputs]
    assert len(free) >= 2 and all(card.vram_gib < 24 and "add" in card.skills for card in free)


@pytest.mark.parametrize(
    ("name", "ids"),
    [("local-24gb", ["flux-kontext"]), ("local-80gb", ["flux-kontext"]), ("poster", []), ("mixed", []), ("api", [])],
)
def test_licences_that_forbid_commercial_use_are_named(name: str, ids: list[str]) -> None:
    told = restricted(playable(registry_of(load(name))))
    assert [id for id in builtin() if f"{id} (" in told] == ids and ("\n" not in told) and bool(told) == bool(ids)


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("Apache-2.0", True),
        ("LicenseRef-FLUX-1-dev-Non-Commercial", False),
        ("LicenseRef-Qwen-Research", False),
        ("CC-BY-NC-4.0", False),
        ("NCSA", True),
        ("proprietary", True),
    ],
)
def test_what_a_licence_says_of_commercial_use(licence: str, free: bool) -> None:
    assert Card("x", "image-to-image", "Edits.", licence=licence).commercial is free


def test_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    lacks = doctor._packages(_entries(), requirements(_with_critic())[0])
    assert lacks == [
        "package bitsandbytes: load.quantise of longcat-image-edit, flux-kontext needs it; type: pip install "
        "bitsandbytes",
        "package num2words: the critic needs it; type: pip install num2words",
        "package sentencepiece: a tokenizer needs it; type: pip install sentencepiece",
        "package protobuf: a tokenizer needs it; type: pip install protobuf",
    ]


def _with_critic() -> Config:
    return load("local-24gb", {"critic": {"name": "vqa", "model": "smolvlm2-2b"}})


def _entries() -> Any:
    return registry_of(load("local-24gb"))


def test_critics_inside_critics_are_looked_at() -> None:
    first, then = {"name": "clip", "model": "clip-b"}, {"name": "chat", "model": "gpt-4o"}
    found = findings(load("poster", {"critic": {"name": "cascade", "first": first, "then": then}}))
    assert found.lacks == ("critic chat: no key; type: export OPENAI_API_KEY=...",)
    assert [(one.need, one.readers) for one in found.downloads] == [("openai/clip-vit-base-patch32", ("critic",))]
    wrong = findings(load("poster", {"critic": {"name": "vqa", "modell": "x"}}))
    assert len(wrong.lacks) == 1 and "'modell'" in wrong.lacks[0]


MINE = """
from poser.plugins import Requirements, Service

class Mine:
    def requirements(self):
        service = Service("wording mine", "m", "https://a.example/v1", "MY_KEY")
        return Requirements(("owner/model@" + "a" * 40,), (service,), ("no_such_package",), 9000.0)

def load(settings, context):
    return Mine()
"""


def test_a_plugin_of_one_s_own_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    found = findings(load("poster", {"wording": str(tmp_path / "mine.py"), "experts": ["sd-1.5"]}))
    lacks = found.lacks
    assert "package no_such_package: the wording needs it; type: pip install no_such_package" in lacks
    assert "wording mine: no key; type: export MY_KEY=..." in lacks
    assert (f"owner/model@{'a' * 40}", ("wording",)) in [(one.need, one.readers) for one in found.downloads]
    assert any(line.startswith("memory: the wording needs 9000 GiB") for line in lacks)


def test_doctor_prints_them(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--preset", "paper"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("preset    paper lacks 11 downloads (") and "note: expert dall-e-3" in out
    assert "sd-1.5\n" in out and "type: poser download paper" in out
    assert main(["doctor"]) == 0  # poster can run
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(NAMES) + 1 and "preset    poster can run" in lines
    assert main(["doctor", "--preset", "mixed", "--json"]) == 1
    state = json.loads(capsys.readouterr().out)["presets"]["mixed"]
    assert state["runs"] is False and any("GEMINI_API_KEY" in line for line in state["lacks"]) and state["notes"]
    assert main(["doctor", "--preset", "poster", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["presets"]["poster"]["runs"] is True


def test_a_run_without_any_key_ends_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PoserError, match=r"^no expert of 'api' .* OPENAI_API_KEY; type: poser doctor --preset api$"):
        Poser.from_pretrained("api")("Draw a cat.")


def test_pinned_experts_stay() -> None:
    config = load("poster", {"memory": {"pin": ["poster-sd"], "vram_gib": 4, "ram_gib": 8, "reserve_gib": 1}})
    assert Config.model_validate(config.dump()) == config
    residency = residency_of(config, registry_of(config))
    assert residency.vram_gib == 4
    pool: Any = Poser.from_config(config).mdp.pool
    for id in ("poster-sd", "poster-pixart", "poster-flux"):
        pool.expert(id)
    pool.residency.relieve()  # all leave but the pinned one and the last
    assert set(pool.residency.kept) == {"expert poster-sd", "expert poster-flux"}
    with pytest.raises(PoserError, match="memory.pin: no expert 'poster-ds' here; did you mean 'poster-sd'"):
        residency_of(load("poster", {"memory.pin": ["poster-ds"]}), registry_of(config))


def test_a_policy_that_cannot_be_read_is_found_before_a_run(tmp_path: Path) -> None:
    assert findings(load("poster", {"policy": "dqn"})).lacks == ()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "policy.json").write_text("{")
    for policy in (f"dqn:{tmp_path / 'absent'}", f"dqn:{tmp_path / 'broken'}", f"table:{tmp_path / 't.json'}"):
        (lack,) = findings(load("poster", {"policy": policy})).lacks
        assert policy.partition(":")[2].rsplit("/", 1)[1] in lack and "\n" not in lack


def test_a_run_names_them_before_the_first_call_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = "poster-flux: {like: poster-flux, card: {licence: LicenseRef-Mine-Non-Commercial}}"
    (tmp_path / "mine.yaml").write_text(f"extends: poster\nexperts: {{{mine}}}\n")
    asked = ["run", "A red star and a blue circle.", "--preset", str(tmp_path / "mine.yaml"), "--max-steps", "2"]
    main([*asked, "--out", str(tmp_path / "out")])
    told = capsys.readouterr().err
    note = "poser: note: no commercial use by their licence: poster-flux (LicenseRef-Mine-Non-Commercial); leave"
    assert told.count("no commercial use") == 1 and note in told and told.index(note) < told.index("poster-flux/")


def test_a_batch_names_them_before_the_first_call_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = "poster-flux: {like: poster-flux, card: {licence: LicenseRef-Mine-Non-Commercial}}"
    (tmp_path / "mine.yaml").write_text(f"extends: poster\nexperts: {{{mine}}}\n")
    (tmp_path / "lines.jsonl").write_text('"A red star on white."\n"A blue heart on white."\n')
    asked = ["batch", str(tmp_path / "lines.jsonl"), "--preset", str(tmp_path / "mine.yaml"), "--quiet"]
    main([*asked, "--out", str(tmp_path / "out")])
    assert capsys.readouterr().err.count("no commercial use") == 1

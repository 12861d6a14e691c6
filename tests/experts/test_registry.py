"""Ids, cards and config entries: everything wrong is one line, and listing imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from experts import registry as module
from experts.fake import fake_entries
from experts.registry import Registry, RegistryError, UnknownExpert, builtin, from_config, from_plugins
from experts.types import Card

CARD: dict[str, Any] = {"mode": "text-to-image", "description": "Draws.", "params": {"steps": 4}}
ENTRY: dict[str, Any] = {"family": "stable_diffusion", "weights": "./sd", "card": CARD}


def test_unknown_ids_name_the_nearest() -> None:
    registry = Registry(fake_entries(2, 1))
    with pytest.raises(UnknownExpert) as caught:
        registry["fake-draw-9"]
    assert str(caught.value) == "no such expert 'fake-draw-9'; did you mean 'fake-draw-2'?"
    assert isinstance(caught.value, KeyError) and isinstance(caught.value, ValueError)
    assert "zzz" not in registry and registry.get("zzz") is None
    with pytest.raises(UnknownExpert, match="experts: fake-draw-1, fake-draw-2, fake-tint-1"):
        registry["zzz"]


def test_a_registry_is_an_ordered_mapping() -> None:
    registry = Registry(fake_entries(2, 1))
    assert list(registry) == [card.id for card in registry.cards] == ["fake-draw-1", "fake-draw-2", "fake-tint-1"]
    assert list(registry.only(["fake-tint-1", "fake-draw-1"])) == ["fake-tint-1", "fake-draw-1"]
    assert list(registry.only(["fake-draw-2"]) | registry.only(["fake-draw-1"])) == ["fake-draw-2", "fake-draw-1"]
    with pytest.raises(RegistryError, match="two experts have the id 'fake-draw-1'"):
        _ = registry | registry


def test_config_entries_become_cards(tmp_path: Path) -> None:
    entry = from_config({"mine": {**ENTRY, "components": {"vae": "./vae"}, "get": "type: make weights"}}, tmp_path)[
        "mine"
    ]
    assert entry.card.id == "mine" and entry.card.params == {"steps": 4}
    assert entry.needs == (str(tmp_path / "sd"), str(tmp_path / "vae")) and entry.get == "type: make weights"
    assert entry.missing() == list(entry.needs)
    (tmp_path / "sd" / "unet").mkdir(parents=True)
    assert entry.missing() == [str(tmp_path / "vae")]


def test_hub_ids_are_told_from_paths(tmp_path: Path) -> None:
    entry = from_config({"hub": {**ENTRY, "weights": "owner/model"}}, tmp_path)["hub"]
    assert entry.needs == ("owner/model",) and entry.get == "type: poser download owner/model"
    assert entry.missing() == ["owner/model"]
    (tmp_path / "owner" / "model" / "unet").mkdir(parents=True)
    assert from_config({"hub": {**ENTRY, "weights": "owner/model"}}, tmp_path)["hub"].missing() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wieghts": "x"}, "unknown key 'wieghts'; did you mean 'weights'?"),
        ({"family": "stable_difusion"}, "no such family 'stable_difusion'; did you mean 'stable_diffusion'?"),
        ({"family": "../../etc"}, "no such family"),
        ({"card": {**CARD, "colour": 1}}, "unknown key 'card.colour'; keys: description, inputs, licence"),
        ({"card": {**CARD, "id": "x"}}, "unknown key 'card.id'; keys: description"),
        ({"card": {**CARD, "params": {"step": 3}}}, "unknown key 'card.params.step'; did you mean 'steps'?"),
        (
            {"card": {**CARD, "mode": "video"}},
            "card.mode = 'video': input should be 'text-to-image' or 'image-to-image'",
        ),
        ({"card": {**CARD, "max_batch": "four"}}, "card.max_batch = 'four': input should be a whole number"),
        ({"card": {**CARD, "seeded": 1}}, "card.seeded = 1: input should be true or false"),
        ({"card": {**CARD, "verbs": ["fly"]}}, "card.verbs.0 = 'fly': input should be 'generate', 'add', "),
        ({"card": {"mode": "text-to-image"}}, "'card.description' is missing: add it"),
        ({"card": "text"}, "card = 'text': input should be a mapping"),
        ({"revision": "main"}, "revision: 'main' is no commit: give its 40 hexadecimal digits"),
        ({"revision": 7}, "revision = 7: input should be text"),
        ({"revision": "a" * 40}, "revision goes with a hub id, not with the folder"),
        ({"load": {"quantize": "nf4"}}, "unknown key 'load.quantize'; did you mean 'quantise'?"),
        ({"load": {"quantise": "int4"}}, "load.quantise = 'int4': input should be 'nf4', 'int8', 'torchao-int8'"),
        ({"load": {"offload": 1}}, "load.offload = 1: input should be true or false"),
        ({"load": "nf4"}, "load = 'nf4': input should be a mapping"),
        ({"profiles": ["draft"]}, "profiles = ['draft']: input should be a mapping"),
        (
            {"profiles": {"draft": {"steps": 4}}},
            "unknown key 'profiles.draft.steps'; keys: description, inputs, licence",
        ),
        (
            {"profiles": {"draft": {"params": {"step": 4}}}},
            "unknown key 'profiles.draft.params.step'; did you mean 'steps'?",
        ),
        ({"profiles": {"draft": {"seconds": "soon"}}}, "profiles.draft.seconds = 'soon': input should be a number"),
        ({"components": ["vae"]}, "components = ['vae']: input should be a mapping"),
    ],
)
def test_wrong_entries_are_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RegistryError) as caught:
        from_config({"mine": {**ENTRY, **change}})
    assert message in str(caught.value) and "'mine'" in str(caught.value) and "\n" not in str(caught.value)


def test_null_is_as_good_as_nothing_and_an_entry_is_a_mapping() -> None:
    empty: dict[str, Any] = dict.fromkeys(("components", "revision", "load", "profiles", "get", "wording"))
    card = {**CARD, "verbs": None, "version": None}
    assert (
        from_config({"mine": {**ENTRY, **empty, "card": card}})["mine"].card
        == from_config({"mine": ENTRY})["mine"].card
    )
    wrong: Any = "text"
    with pytest.raises(RegistryError, match="^expert 'mine': 'text' is no entry; give a mapping of its settings$"):
        from_config({"mine": wrong})


def test_numbers_of_a_card_stay_as_they_are_typed() -> None:
    card = from_config({"mine": {**ENTRY, "card": {**CARD, "seconds": 2, "usd": 0.5}}})["mine"].card
    assert type(card.seconds) is int and type(card.usd) is float and type(card.verbs) is tuple


def test_every_roster_has_profiles_or_stays_as_it_is() -> None:
    full, draft = builtin(), builtin("draft")
    assert list(full) == list(draft) and full["poster-sd"].card == draft["poster-sd"].card
    changed = [id for id in full if full[id].card != draft[id].card]
    assert changed == [id for id in full if "draft" in full[id].profiles] and len(changed) > 20
    for id in changed:
        assert draft[id].card.params["steps"] <= full[id].card.params["steps"]
        assert draft[id].card.seconds <= full[id].card.seconds


def test_a_profile_is_laid_over_the_card_before_the_entry_is_built() -> None:
    draft = {"params": {"steps": 2}, "seconds": 0.5, "max_batch": 3}
    entry = {**ENTRY, "card": {**CARD, "params": {"steps": 4, "guidance": 3.0}}, "profiles": {"draft": draft}}
    card = from_config({"mine": entry}, profile="draft")["mine"].card
    assert card.params == {"steps": 2, "guidance": 3.0} and (card.seconds, card.max_batch) == (0.5, 3)
    for profile in ("full", "other"):
        assert from_config({"mine": entry}, profile=profile)["mine"].card.params["steps"] == 4
    assert from_config({"mine": entry})["mine"].profiles == ("draft",)
    remote = {"family": "gemini", "model": "m", "card": CARD | {"params": {"resolution": "2K"}}}
    remote["profiles"] = {"draft": {"params": {"resolution": "1K"}, "usd": 0.01}}
    assert from_config({"m": remote}, profile="draft")["m"].card.params == {"resolution": "1K"}
    assert from_config({"m": remote})["m"].card.usd == 0.0


def test_like_lays_an_entry_over_a_builtin_one() -> None:
    mine = {"like": "flux-kontext", "load": {"quantise": "nf4"}, "card": {"vram_gib": 19.5, "params": {"steps": 20}}}
    found, base = from_config({"mine": mine})["mine"], builtin()["flux-kontext"]
    assert found.card.id == "mine" and found.card.version == base.card.version + "+nf4"
    assert found.card.vram_gib == 19.5 and found.card.params == {**base.card.params, "steps": 20}
    assert found.needs == base.needs and found.profiles == base.profiles
    here = from_config({"mine": {"like": "poster-sd"}})["mine"]
    assert here.missing() == [] and here.card.version == builtin()["poster-sd"].card.version
    other = from_config({"mine": {**mine, "weights": "owner/model"}})["mine"]
    assert other.needs == ("owner/model",)  # other weights: not the old commit
    assert from_config({"mine": {"like": "gpt-image-2.6-flare", "card": {"usd": 0.1}}})["mine"].card.usd == 0.1
    with pytest.raises(UnknownExpert, match="did you mean 'flux-kontext'"):
        from_config({"mine": {"like": "flux-contxt"}})
    with pytest.raises(RegistryError, match="unknown key 'card.colour'"):
        from_config({"mine": {"like": "sdxl", "card": {"colour": 1}}})


@pytest.mark.parametrize("key", ["family", "weights", "card"])
def test_what_is_missing_is_named(key: str) -> None:
    with pytest.raises(RegistryError, match=f"'{key}' is missing"):
        from_config({"mine": {k: v for k, v in ENTRY.items() if k != key}})


def test_builtin_experts_have_whole_cards() -> None:
    for id, entry in builtin().items():
        card = entry.card
        assert card.id == id and card.description and card.licence != "unknown" and card.source
        assert card.min_side <= card.max_side and card.max_batch >= 1
        assert {field.name for field in fields(Card)} == set(vars(card))


def test_other_packages_can_bring_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("good", "experts.fake:fake_entries", module.GROUP),
        EntryPoint("bad", "no.such.module:entries", module.GROUP),
    ]
    monkeypatch.setattr(points[0].__class__, "load", lambda self: _plugin(self.name))
    monkeypatch.setattr(module.importlib.metadata, "entry_points", lambda group: points)
    with pytest.warns(UserWarning, match="plugin 'bad' .* is left out: no such module"):
        assert list(from_plugins()) == ["fake-draw-1"]


def _plugin(name: str) -> Any:
    if name == "bad":
        raise ImportError("no such module")
    return lambda: fake_entries(1, 0)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, experts; experts.builtin().cards; experts.from_config("
        "{'m': {'family': 'flux', 'weights': 'a/b', 'card': {'mode': 'text-to-image', 'description': 'd'}}}); "
        "experts.Pool; experts.Cache; "
        "print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    )
    root = Path(module.__file__).parents[1]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.strip() == "[]"


OWN: dict[str, Any] = {"file": "own.py", "card": {"mode": "image-to-image", "description": "Mine."}}


def test_an_expert_of_ones_own_is_an_entry(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("raise RuntimeError('listing runs no file')\n")
    profiles = {"draft": {"seconds": 0.1}}
    found = from_config({"own": {**OWN, "profiles": profiles, "wording": "poster", "get": "type: x"}}, tmp_path)["own"]
    assert found.card.id == "own" and found.card.mode == "image-to-image"
    assert found.needs == (str(tmp_path / "own.py"),) and found.missing() == []
    assert (found.profiles, found.wording, found.get, found.remote) == (("draft",), "poster", "type: x", False)
    assert from_config({"own": {**OWN, "profiles": profiles}}, tmp_path, "draft")["own"].card.seconds == 0.1
    assert from_config({"own": OWN}, tmp_path / "elsewhere")["own"].missing() == [
        str(tmp_path / "elsewhere" / "own.py")
    ]


def test_the_version_of_an_own_expert_follows_its_file_and_settings(tmp_path: Path) -> None:
    def version(text: str, **settings: Any) -> str:
        (tmp_path / "own.py").write_text(text)
        return from_config({"own": {**OWN, "settings": settings}}, tmp_path)["own"].card.version

    versions = [version("x = 1"), version("x = 2"), version("x = 2", near=3), version("x = 2", near=4)]
    assert len(set(versions)) == 4 and version("x = 1") == versions[0]
    assert all(
        each.startswith("1@") for each in versions
    )  # stored pictures of the older file are not taken for new ones


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"setings": {}}, "did you mean 'settings'?"),
        ({"settings": 3}, "settings"),
        ({"settings": ["near"]}, "settings"),
        ({"file": 3}, "file"),
        ({"card": {"mode": "image-to-image"}}, "description"),
        ({"card": {**OWN["card"], "colour": 1}}, "colour"),
        ({"weights": "owner/name"}, "weights"),
    ],
)
def test_wrong_entries_of_own_experts_are_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RegistryError) as caught:
        from_config({"mine": {**OWN, **change}})
    assert message in str(caught.value) and "'mine'" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["file", "card"])
def test_what_an_own_expert_lacks_is_named(key: str) -> None:
    with pytest.raises(RegistryError) as caught:
        from_config({"mine": {k: v for k, v in {**OWN, "settings": {}}.items() if k != key}})
    assert "'mine'" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("profile", ["full", "draft"])
def test_an_id_alone_in_a_mixed_list_is_the_builtin_entry(profile: str) -> None:
    for id in ("poster-sd", "flux-kontext", "gpt-image-2.6-flare"):
        found, base = from_config({id: {"like": id}}, profile=profile)[id], builtin(profile)[id]
        assert (found.card, found.needs, found.env, found.wording) == (base.card, base.needs, base.env, base.wording)
        assert (found.get, found.profiles, found.gone, found.remote) == (
            base.get,
            base.profiles,
            base.gone,
            base.remote,
        )


def test_wordings_come_along_with_like() -> None:
    assert from_config({"mine": {"like": "poster-sd"}})["mine"].wording == "poster"
    assert from_config({"mine": {"like": "poster-sd", "wording": ""}})["mine"].wording == ""
    assert from_config({"mine": ENTRY})["mine"].wording == ""

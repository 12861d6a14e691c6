"""The full-size models as data: every card can be loaded by the classes that it names, and listing them is cheap."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experts.local.roster import entries
from experts.registry import Entry, Registry, from_config

ROOT = Path(__file__).parents[2]
FAMILIES = sorted(
    file.stem for file in (ROOT / "experts" / "local").glob("[!_]*.py") if file.stem not in ("roster", "__init__")
)
ASKED = (
    *("sd-1.5", "sd-2.1", "sdxl", "sdxl-refined", "sd-3.5-large", "sd-3.5-large-turbo", "pixart-alpha"),
    *("pixart-sigma", "flux-dev", "flux-schnell", "flux2-dev", "flux2-klein", "qwen-image", "z-image-turbo"),
    *("qwen-image-2512", "flux2-klein-9b", "flux2-klein-9b-edit", "longcat-image", "longcat-image-edit"),
    *("instruct-pix2pix", "magicbrush", "flux-kontext", "qwen-image-edit", "qwen-image-edit-2511"),
)
FLOWING = ("stable_diffusion_3", "flux", "flux2", "flux_kontext", "qwen_image", "qwen_image_edit", "z_image")
FLOWING += ("longcat_image", "longcat_image_edit")

ENTRIES = {entry.card.id: entry for entry in entries()}


def family_of(entry: Entry) -> Any:
    return importlib.import_module(f"experts.local.{entry.described['family']}").FAMILY


def test_every_model_is_there_and_no_id_twice() -> None:
    assert set(ASKED) <= set(ENTRIES) and len(Registry(entries())) == len(ENTRIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_file_describes_its_own_models(family: str) -> None:
    module = importlib.import_module(f"experts.local.{family}")
    models = getattr(module, "MODELS", {})
    assert all(described["family"] == family for described in models.values())
    assert models or family == "generic"


@pytest.mark.parametrize("id", ENTRIES)
def test_weights_are_pinned(id: str) -> None:
    """MagicBrush by the branch that holds its safetensors, whose commit is not known here."""
    described = ENTRIES[id].described
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", described["weights"])
    if id == "magicbrush":
        assert described["revision"] == "refs/pr/2"
    else:
        assert re.fullmatch("[0-9a-f]{40}", described["revision"])
        assert f"@{described['revision'][:12]}" in ENTRIES[id].card.version


@pytest.mark.parametrize("id", ENTRIES)
def test_a_card_says_what_a_user_must_know(id: str) -> None:
    card = ENTRIES[id].card
    assert card.verbs != ("other",) and card.description.endswith(".") and len(card.description) < 130
    assert card.licence != "unknown" and card.source.startswith("https://huggingface.co/") and card.vram_gib > 1
    assert card.seconds == 1.0 or "seconds: " in card.source
    assert card.usd == 0 and card.seeded and card.min_side % card.multiple == 0 and card.max_side % card.multiple == 0
    assert {"steps", "sampler"} <= set(card.params)


@pytest.mark.parametrize("id", [id for id in ENTRIES if ENTRIES[id].described["family"] in FLOWING])
def test_flow_models_have_flow_samplers(id: str) -> None:
    assert ENTRIES[id].card.params["sampler"] in ("flow", "flow-heun")


@pytest.mark.parametrize("id", ENTRIES)
def test_a_draft_has_fewer_steps_and_takes_less_time(id: str) -> None:
    (draft,) = from_config({id: ENTRIES[id].described}, profile="draft").values()
    full = ENTRIES[id].card
    assert "draft" in ENTRIES[id].profiles and draft.card.params["steps"] < full.params["steps"]
    assert draft.card.seconds < full.seconds and set(draft.card.params) == set(full.params)


@pytest.mark.parametrize("id", [id for id in ENTRIES if id in ASKED])
def test_params_are_arguments_of_the_pipelines(id: str) -> None:
    """Of the installed diffusers: what was renamed there fails here, not at a user's first call."""
    import diffusers

    family = family_of(ENTRIES[id])
    calls = [getattr(diffusers, kind).__call__ for kind in family.pipelines]
    if ENTRIES[id].described["family"] == "sdxl_refined":
        calls = [importlib.import_module("experts.local.sdxl_refined").Refined.__call__]
    for call in calls:
        takes = inspect.signature(call).parameters
        wanted = {family.names[name] for name in ENTRIES[id].card.params if name in family.names} | set(family.fixed)
        assert wanted <= set(takes)


def test_listing_imports_nothing_heavy_and_is_quick() -> None:
    code = (
        "import resource, sys\nfrom experts.local.roster import entries\nentries()\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "heavy = [name for name in ('torch', 'diffusers', 'transformers', 'safetensors') if name in sys.modules]\n"
        "print(used.ru_utime + used.ru_stime, *heavy)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True) for _ in range(3)]
    seconds = [done.stdout.split() for done in runs]
    assert all(len(line) == 1 for line in seconds), (seconds, runs[0].stderr)
    assert min(float(line[0]) for line in seconds) < 0.4

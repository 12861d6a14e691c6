"""Services in the registry: cards, keys that are missing, models that ended, entries as data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.api.gemini import RATIOS
from experts.api.openai_images import FREE, LISTED, SERVICE
from experts.api.roster import entries
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry, RegistryError, builtin, from_config
from experts.types import Job, Request
from tests.experts.api_world import (
    KEY,
    VARIABLE,
    loopback_server,  # noqa: F401
    picture,
    requests,
)
from tests.experts.loopback import Loopback

CARD: dict[str, Any] = {"mode": "text-to-image", "description": "Draws."}
ENTRY: dict[str, Any] = {"family": "compatible", "model": "m", "base_url": "http://localhost:8000/v1", "card": CARD}
KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "REPLICATE_API_TOKEN")


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def test_builtin_lists_them_and_says_which_key_is_missing(no_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtin()
    entry = found["gpt-image-2.6-flare"]
    assert entry.missing() == ["OPENAI_API_KEY"] and entry.get == "type: export OPENAI_API_KEY=..."
    monkeypatch.setenv("OPENAI_API_KEY", "x" * 20)
    assert entry.missing() == [] and found["gemini-3-pro-image-edit"].missing() == ["GEMINI_API_KEY"]
    for entry in entries():
        card = entry.card
        assert card.licence == "proprietary" and card.usd > 0 and card.seconds > 1 and card.verbs and card.source
        assert card.mode == ("image-to-image" if "add" in card.verbs else "text-to-image")


def test_without_a_key_the_pool_says_what_to_type(no_keys: None) -> None:
    (result,) = Pool(Registry(entries()), Residency("cpu")).run([Job("replicate-flux-schnell", Request("x"))])
    assert result.failure and result.failure.kind == "unavailable"
    assert "REPLICATE_API_TOKEN" in result.failure.message and "type: export" in result.failure.message


@pytest.mark.parametrize(("id", "end"), [("gpt-image-1", "2026-10-23"), ("dall-e-3", "2026-05-12")])
def test_models_of_the_paper_say_when_they_ended_and_what_replaces_them(id: str, end: str) -> None:
    entry = builtin()[id]
    assert end in entry.missing()[0] and "gpt-image-2.5-sunburst" in entry.get
    (result,) = Pool(Registry(entries()), Residency("cpu")).run([Job(id, Request("x"))])
    assert result.failure and end in result.failure.message and "use gpt-image-2.5-sunburst" in result.failure.message


def test_announced_ends_take_effect_on_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    described = {"old": {"family": "openai_images", "model": "gpt-image-1.5", "card": CARD}}
    monkeypatch.setattr("experts.api._expert.time.strftime", lambda _: "2026-11-30")
    assert from_config(described)["old"].gone == ""
    monkeypatch.setattr("experts.api._expert.time.strftime", lambda _: "2026-12-01")
    assert "2026-12-01" in from_config(described)["old"].gone
    described["old"]["base_url"] = "https://gateway.example/v1"  # who else serves it decides for itself
    assert from_config(described)["old"].gone == ""


def test_the_installed_client_knows_the_models_and_the_ends() -> None:
    from typing import get_args

    from openai.types import image_model

    known = set(get_args(image_model.ImageModel))
    asked = {entry.card.version for entry in entries() if entry.env == ("OPENAI_API_KEY",)}
    assert asked <= known and set(SERVICE.retired) <= known
    words = Path(image_model.__file__).read_text("utf-8")
    assert "October 23, 2026" in words and "May 12, 2026" in words


def test_an_entry_as_data_runs(server: Loopback) -> None:
    described = {
        **ENTRY,
        "base_url": f"{server.url}/v1/",
        "key": VARIABLE,
        "prices": {"image_out": 30},
        "limits": {"concurrency": 2, "timeout": 20},
        "card": {**CARD, "mode": "image-to-image", "params": {"steps": 4}, "usd": 0.5},
    }
    entry = from_config({"mine": described})["mine"]
    assert entry.missing() == [] and entry.env == (VARIABLE,)
    expert = entry.load(Residency("cpu"))
    results = expert(requests("x-edit", 3))
    assert all(result.image is not None and result.usd == pytest.approx(0.03) for result in results)
    assert server.book.asked[0]["num_inference_steps"] == "4" and KEY in server.book.headers[0]["authorization"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "x"}, "unknown key 'weights'; keys: base_url, card"),
        ({"base_uri": "x"}, "unknown key 'base_uri'; did you mean 'base_url'?"),
        ({"base_url": "ftp://x"}, "base_url: it must look like https://host/v1"),
        ({"base_url": "https://user:pass@x/v1"}, "without user, key or query"),
        ({"base_url": None}, "base_url: it must look like"),
        ({"model": "../x"}, "model: '../x' is no id of letters"),
        ({"key": "lower"}, "NAME of an environment variable"),
        ({"limits": {"per_minuet": 5}}, "unknown key 'limits.per_minuet'; did you mean 'per_minute'?"),
        ({"limits": {"timeout": "long"}}, "limits.timeout = 'long': input should be a number"),
        ({"limits": {"concurrency": 0}}, "limits.concurrency = 0: input should be greater than or equal to 1"),
        ({"limits": {"concurrency": 1.5}}, "limits.concurrency = 1.5: input should be a whole number"),
        ({"limits": {"timeout": 0}}, "limits.timeout = 0: input should be greater than 0"),
        ({"limits": {"deadline": float("nan")}}, "limits.deadline = nan: input should be a finite number"),
        ({"limits": [1]}, "limits = [1]: input should be a mapping"),
        ({"prices": {"image_out": -1}}, "prices.image_out = -1: input should be greater than or equal to 0"),
        ({"fields": {"image": 3}}, "fields.image = 3: input should be text"),
        ({"card": {**CARD, "colour": 1}}, "unknown key 'card.colour'; keys: description, inputs, licence"),
        ({"card": "text"}, "card = 'text': input should be a mapping"),
        (
            {"family": "gemini", "card": {**CARD, "params": {"steps": 3}}},
            "unknown key 'card.params.steps'; params of its family: resolution",
        ),
        ({"family": "gemni"}, "no such family 'gemni'; did you mean 'gemini'?"),
    ],
)
def test_wrong_entries_are_one_line(change: dict[str, Any], message: str) -> None:
    described = {**ENTRY, **change}
    if change.get("family") == "gemni":
        described = {"family": "gemni", "weights": "./x", "card": CARD}
    with pytest.raises(RegistryError) as caught:
        from_config({"mine": described})
    assert message in str(caught.value) and "'mine'" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["model", "card"])
def test_what_is_missing_is_named(key: str) -> None:
    with pytest.raises(RegistryError, match=f"'{key}' is missing"):
        from_config({"mine": {k: v for k, v in ENTRY.items() if k != key}})


def test_listing_them_imports_no_client(no_keys: None) -> None:
    code = (
        "import sys, experts; [entry.missing() for entry in experts.builtin().values()]; "
        "print([m for m in ('openai', 'httpx2', 'torch') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.strip() == "[]"


SIDE = st.integers(16, 8192)


@given(SIDE, SIDE)
def test_sizes_asked_of_openai_are_within_its_bounds(width: int, height: int) -> None:
    words, px = FREE.nearest((width, height))
    assert px and words == f"{px[0]}x{px[1]}" and (px[0] >= px[1]) == (width >= height) or px[0] == px[1]
    assert all(side % 16 == 0 and side <= 3840 for side in px)
    assert 655_360 <= px[0] * px[1] <= 8_294_400 and max(px) <= 3 * min(px)
    ratio = max(1 / 3, min(3.0, width / height))
    assert abs(px[0] / px[1] / ratio - 1) < 0.04


@pytest.mark.parametrize("size", [(1024, 1024), (1536, 1024), (3840, 2160), (2048, 2048)])
def test_a_size_that_fits_is_asked_for_as_it_is(size: tuple[int, int]) -> None:
    assert FREE.nearest(size).px == size


def test_listed_sizes_and_ratios_are_the_nearest() -> None:
    assert LISTED.nearest((640, 480)).px == (1536, 1024) and LISTED.nearest((96, 96)).words == "1024x1024"
    assert [RATIOS.nearest(s).words for s in ((1920, 1080), (100, 101), (600, 800))] == ["16:9", "1:1", "3:4"]
    assert picture().size == (64, 64)


@pytest.mark.parametrize(
    ("id", "field"), [("replicate-seedream-4-edit", "image_input"), ("replicate-flux-2-pro-edit", "input_images")]
)
def test_a_model_that_takes_a_list_of_pictures_gets_one(id: str, field: str) -> None:
    from PIL import Image

    from experts.api._expert import Ask, Remote
    from experts.api.replicate import _request

    described = builtin()[id].described
    terms = Remote.model_validate({"base_url": "https://example.org/v1", **described})
    ask = Ask("Make it blue.", (Image.new("RGB", (8, 8)),), None, "1:1", 7 if "flux" in id else None, {}, 0.03)
    path, body = _request(terms, ask)
    assert path == f"/models/{described['model']}/predictions"
    given = body["input"]
    assert isinstance(given[field], list) and given[field][0].startswith("data:image/") and "[]" not in str(list(given))
    assert ("seed" in given) == ("flux" in id)

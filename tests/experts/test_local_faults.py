"""What goes wrong in a real pipeline comes back as a value, for the item that it belongs to and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experts.memory import DeviceLock, Residency
from experts.pool import Pool
from experts.registry import Registry, from_config
from experts.types import Job, Request


class Fussy:
    """A pipeline's call that fails on some batches, around the real one."""

    def __init__(self, pipe: Any, fails: Any) -> None:
        self.pipe, self.fails, self.sizes = pipe, fails, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pipe, name)

    def __call__(self, **arguments: Any) -> Any:
        self.sizes.append(len(arguments["prompt"]))
        error = self.fails(arguments["prompt"])
        if error:
            raise error
        return self.pipe(**arguments)


@pytest.fixture
def fussy(tiny: Registry) -> Any:
    """A loaded expert whose pipeline fails as told."""

    def make(fails: Any, max_batch: int = 8) -> Any:
        expert = Pool(tiny, Residency("cpu")).expert("tiny-stable_diffusion")
        expert.card = replace(expert.card, max_batch=max_batch)
        expert.pipe = Fussy(expert.pipe, fails)
        return expert

    return make


def requests(*prompts: str) -> list[Request]:
    """One request a prompt."""
    return [Request(prompt, seed=seed) for seed, prompt in enumerate(prompts)]


def test_out_of_memory_halves_the_batch(fussy: Any) -> None:
    expert = fussy(lambda prompts: torch.OutOfMemoryError("full") if len(prompts) > 2 else None)
    results = expert(requests(*["a star"] * 5))
    assert expert.pipe.sizes == [5, 3, 2, 1, 2]
    wanted = fussy(lambda prompts: None, max_batch=1)(requests(*["a star"] * 5))
    for one, two in zip(results, wanted, strict=True):
        assert np.abs(np.asarray(one.image, float) - np.asarray(two.image, float)).max() <= 1.5


def test_no_memory_for_one_is_a_failure(fussy: Any) -> None:
    results = fussy(lambda prompts: torch.OutOfMemoryError("full"))(requests("a star", "a circle"))
    assert [result.failure.kind for result in results] == ["memory", "memory"]


def test_one_bad_item_fails_alone(fussy: Any) -> None:
    expert = fussy(lambda prompts: ValueError("no cats") if "a cat" in prompts else None)
    results = expert(requests("a star", "a cat", "a circle"))
    assert [result.failure and result.failure.kind for result in results] == [None, "broken", None]
    assert results[1].failure.message == "ValueError: no cats" and results[1].usd == 0


def test_numbers_that_run_away_are_no_black_picture(fussy: Any) -> None:
    expert = fussy(lambda prompts: None)
    real = expert.pipe.pipe

    def call(**arguments: Any) -> Any:
        out = real(**arguments)
        out.images[1] = np.nan
        out.nsfw_content_detected = [False, False, True]
        return out

    expert.pipe.pipe = call
    results = expert(requests("a", "b", "c"))
    assert [result.failure and result.failure.kind for result in results] == [None, "broken", "refused"]


def test_a_request_without_a_result_is_no_shorter_list(fussy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expert = fussy(lambda prompts: None)
    monkeypatch.setattr(expert, "_run", lambda items: [None] * len(items))
    with pytest.raises(RuntimeError, match="^tiny-stable_diffusion: a request was left without a result"):
        expert(requests("a", "b"))


def test_a_call_that_ran_out_of_memory_is_repeated_where_the_lock_makes_room(fussy: Any) -> None:
    full = [True]

    def relieve() -> bool:
        return bool(full) and full.pop()

    expert = fussy(lambda prompts: torch.OutOfMemoryError("full") if full else None)
    expert._running = DeviceLock(relieve)
    assert all(result.image for result in expert(requests("a", "b"))) and expert.pipe.sizes == [2, 2]
    full.append(True)
    expert._running = DeviceLock()  # nothing to give back
    assert [result.failure.kind for result in expert(requests("a"))] == ["memory"]


def test_an_interrupt_goes_through(fussy: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        fussy(lambda prompts: KeyboardInterrupt())(requests("a"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": "./nowhere"}, "not on this machine: "),
        ({"family": "generic", "weights": "./flux"}, ""),
        ({"family": "pixart"}, "holds a StableDiffusionPipeline, not a PixArtAlphaPipeline or PixArtSigmaPipeline"),
        ({"components": {"vea": "./parts/vae"}}, "has no component 'vea'"),
        ({"components": {}}, "cannot be loaded"),
    ],
)
def test_what_cannot_be_loaded_is_unavailable(
    change: dict[str, Any], words: str, tiny_config: dict[str, dict[str, Any]], tiny_folder: Path
) -> None:
    card = {**tiny_config["tiny-stable_diffusion"]["card"], "params": {"steps": 2}}
    entry = {**tiny_config["tiny-stable_diffusion"], "card": card, "get": "type: make weights", **change}
    (result,) = Pool(from_config({"x": entry}, tiny_folder), Residency("cpu")).run([Job("x", Request("a"))])
    assert result.failure and result.failure.kind == "unavailable" and words in result.failure.message
    assert result.failure.message.endswith("; type: make weights") and "\n" not in result.failure.message


def test_a_param_that_the_pipeline_does_not_take_is_named(
    tiny_config: dict[str, dict[str, Any]], tiny_folder: Path
) -> None:
    entry = {**tiny_config["tiny-stable_diffusion"], "family": "generic"}
    entry["card"] = {**entry["card"], "params": {"strength": 0.5}}
    (result,) = Pool(from_config({"x": entry}, tiny_folder), Residency("cpu")).run([Job("x", Request("a"))])
    assert result.failure and "StableDiffusionPipeline takes no 'strength'" in result.failure.message

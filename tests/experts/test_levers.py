"""Levers of an entry: adapters, step caches, attention, casting by layers, dtype, tiles; each on tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from experts.local import _loading
from experts.memory import Mirror, Residency, module_bytes
from experts.pool import Pool
from experts.registry import RegistryError, from_config
from experts.types import Job, Request, Result


def entry(config: dict[str, Any], id: str, **more: Any) -> dict[str, Any]:
    """A tiny entry with further settings, one picture a call."""
    card = {**config[id]["card"], "max_batch": 1, **more.pop("card", {})}
    components = {**config[id].get("components", {}), **more.pop("components", {})}
    return {**config[id], "card": card, "components": components, **more}


def ask(pool: Pool, id: str, seed: int = 0, size: tuple[int, int] = (64, 64)) -> Result:
    """One picture."""
    edits = pool.registry[id].card.mode == "image-to-image"
    images = (Image.new("RGB", size, "blue"),) if edits else ()
    (result,) = pool.run([Job(id, Request("a red star", images, seed=seed, size=size))])
    return result


def drawn(pool: Pool, id: str, **how: Any) -> np.ndarray:
    """The picture as numbers."""
    result = ask(pool, id, **how)
    assert result.image is not None, result.failure
    return np.asarray(result.image, float)


def pools(config: dict[str, Any], folder: Path, home: Residency | None = None) -> Pool:
    return Pool(from_config(config, folder), home or Residency("cpu"))


@pytest.fixture(scope="module")
def adapter(tiny_config: dict[str, Any], tiny_folder: Path) -> Path:
    """A LoRA of the tiny Stable Diffusion's U-Net."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = UNet2DConditionModel.from_pretrained(tiny_folder / "stable_diffusion" / "unet")
    torch.manual_seed(0)
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"]))
    for name, weight in unet.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    StableDiffusionPipeline.save_lora_weights(tiny_folder / "lora", get_peft_model_state_dict(unet))
    return tiny_folder / "lora" / "pytorch_lora_weights.safetensors"


def test_an_adapter_changes_the_picture_by_its_scale_and_shares_the_weights(
    adapter: Path, tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    file = {"few": str(adapter)}
    described = {
        "plain": entry(tiny_config, "tiny-stable_diffusion"),
        "none": entry(tiny_config, "tiny-stable_diffusion", components=file, load={"adapters": {"few": 0.0}}),
        "whole": entry(tiny_config, "tiny-stable_diffusion", components=file, load={"adapters": {"few": 1.0}}),
    }
    home = Residency(Mirror())
    pool = pools(described, tiny_folder, home)
    plain = drawn(pool, "plain")
    before = home.store.weight
    assert np.array_equal(drawn(pool, "none"), plain)
    assert not np.array_equal(drawn(pool, "whole"), plain)
    small = sum(file.stat().st_size for file in [adapter])
    assert 0 < home.store.weight - before < 4 * small < module_bytes([pool.expert("plain").pipe.unet]) / 2
    versions = {id: pool.registry[id].card.version for id in described}
    assert versions["whole"].endswith("+adapters:few=1.0") and len(set(versions.values())) == 3


def test_a_model_in_few_steps_begins_at_the_end_of_its_schedule_and_asks_once_a_step(
    adapter: Path, tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    from experts.local import stable_diffusion

    file = {"few_steps": str(adapter)}
    params = stable_diffusion.MODELS["sd-1.5-lcm"]["card"]["params"]
    described = {
        name: {
            **entry(tiny_config, "tiny-stable_diffusion", components=file, load={"adapters": {"few_steps": 1.0}}),
            "card": {**tiny_config["tiny-stable_diffusion"]["card"], "params": {**params, "sampler": name}},
        }
        for name in ("lcm", "euler-trailing")
    }
    pool = pools(described, tiny_folder)
    for name in described:
        expert: Any = pool.expert(name)
        batches: list[int] = []
        hook = expert.pipe.unet.register_forward_pre_hook(lambda module, args, kept=batches: kept.append(len(args[0])))
        drawn(pool, name)
        hook.remove()
        assert batches == [1] * params["steps"], name  # no second half for guidance
        assert int(expert.pipe.scheduler.timesteps[0]) == 999


def test_an_adapter_in_vain_or_of_nothing_is_named(
    adapter: Path, tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    load = {"adapters": {"few": 1.0}}
    with pytest.raises(RegistryError, match="load.adapters.few: name its file under components.few"):
        from_config({"x": entry(tiny_config, "tiny-stable_diffusion", load=load)}, tiny_folder)
    file = {"few": str(adapter)}
    other = pools({"x": entry(tiny_config, "tiny-flux", components=file, load=load)}, tiny_folder)
    failure = ask(other, "x").failure
    assert failure and failure.kind == "unavailable" and "FluxPipeline" in failure.message
    shared = {**file, "unet": "./stable_diffusion/unet"}
    taken = pools({"x": entry(tiny_config, "tiny-stable_diffusion", components=shared, load=load)}, tiny_folder)
    failure = ask(taken, "x").failure
    assert failure and "changes unet, which others share" in failure.message


@pytest.mark.parametrize("id", ["tiny-flux", "tiny-flux_kontext"])
@pytest.mark.parametrize(
    "cache",
    [
        {"method": "first_block", "threshold": 0.0},
        {"method": "taylorseer", "cache_interval": 2, "disable_cache_before_step": 1},
        {"method": "pyramid", "spatial_attention_block_skip_range": 2},
    ],
)
def test_a_step_cache_starts_empty_at_every_call(
    id: str, cache: dict[str, Any], tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    described = {
        "plain": entry(tiny_config, id),
        "cached": entry(tiny_config, id, load={"cache": cache}),
    }
    pool = pools(described, tiny_folder)
    first = drawn(pool, "cached")
    drawn(pool, "cached", seed=5)
    assert np.array_equal(drawn(pool, "cached"), first)
    if cache.get("threshold") == 0.0:
        assert np.array_equal(first, drawn(pool, "plain"))
    pipe: Any = pool.expert("cached")
    assert pipe.pipe.transformer.is_cache_enabled


def test_a_step_cache_that_cannot_be_is_named(tiny_config: dict[str, Any], tiny_folder: Path) -> None:
    for cache, words in (
        ({"method": "none"}, "load.cache.method: 'none' is none; "),
        ({"method": "first_block", "treshold": 1}, "load.cache.treshold: first_block has no such field; "),
    ):
        failure = ask(pools({"x": entry(tiny_config, "tiny-flux", load={"cache": cache})}, tiny_folder), "x").failure
        assert failure and words in failure.message
    many = {**tiny_config["tiny-flux"], "load": {"cache": {"method": "first_block"}}}
    with pytest.raises(RegistryError, match="set card.max_batch to 1"):
        from_config({"x": many}, tiny_folder)


def test_an_attention_backend_is_one_models_own(tiny_config: dict[str, Any], tiny_folder: Path) -> None:
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry as registry

    before = registry._active_backend
    described = {
        "plain": entry(tiny_config, "tiny-flux"),
        "math": entry(tiny_config, "tiny-flux", load={"attention": "_native_math"}),
        "hub": entry(tiny_config, "tiny-flux", load={"attention": "sage_hub"}),
    }
    pool = pools(described, tiny_folder)
    assert np.abs(drawn(pool, "math") - drawn(pool, "plain")).max() <= 1
    expert: Any = pool.expert("math")
    used = {str(p._attention_backend.value) for p in expert.pipe.transformer.attn_processors.values()}
    assert used == {"_native_math"} and registry._active_backend == before
    failure = ask(pool, "hub").failure
    assert failure and "runs code from the hub" in failure.message


def test_layers_are_kept_in_8_bits_and_cast_while_they_compute(tiny_config: dict[str, Any], tiny_folder: Path) -> None:
    described = {
        "plain": entry(tiny_config, "tiny-flux"),
        "cast": entry(tiny_config, "tiny-flux", load={"cast": "fp8"}),
    }
    home = Residency(Mirror())
    pool = pools(described, tiny_folder, home)
    first = drawn(pool, "cast")
    assert 0 < np.abs(first - drawn(pool, "plain")).mean() < 20
    expert: Any = pool.expert("cast")
    kept = {
        p.dtype for name, p in expert.pipe.transformer.named_parameters() if "transformer_blocks.0.attn.to_q" in name
    }
    assert kept == {torch.float8_e4m3fn}
    home.evict("expert cast")
    assert np.array_equal(drawn(pool, "cast"), first)
    assert sum(event.kind == "load" and event.key == "expert cast" for event in home.log) == 1


def test_an_entry_may_have_a_dtype_of_its_own(tiny_config: dict[str, Any], tiny_folder: Path) -> None:
    described = {
        "plain": entry(tiny_config, "tiny-stable_diffusion"),
        "half": entry(tiny_config, "tiny-stable_diffusion", load={"dtype": "bfloat16"}),
    }
    pool = pools(described, tiny_folder)
    for id, dtype in (("plain", torch.float32), ("half", torch.bfloat16)):
        drawn(pool, id)
        expert: Any = pool.expert(id)
        assert {weight.dtype for part in expert.parts.values() for weight in part.parameters()} == {dtype}


def test_large_pictures_go_through_the_vae_in_tiles_and_by_their_size_alone(
    tiny_config: dict[str, Any], tiny_folder: Path
) -> None:
    big = {"max_side": 1024}
    described = {
        "plain": entry(tiny_config, "tiny-stable_diffusion", card=big),
        "tiled": entry(tiny_config, "tiny-stable_diffusion", card=big, load={"tiles": 256}),
    }
    pool = pools(described, tiny_folder)
    small, large = (256, 256), (512, 256)
    assert np.array_equal(drawn(pool, "tiled", size=small), drawn(pool, "plain", size=small))
    expert: Any = pool.expert("tiled")
    drawn(pool, "tiled", size=large)
    assert expert.pipe.vae.use_tiling
    drawn(pool, "plain", size=large)
    assert not expert.pipe.vae.use_tiling and expert.pipe.vae is pool.expert("plain").pipe.vae


def test_a_failed_call_leaves_nothing_in_a_step_cache(tiny_config: dict[str, Any], tiny_folder: Path) -> None:
    cache = {"cache": {"method": "first_block", "threshold": 10.0}}
    pool = pools({"x": entry(tiny_config, "tiny-flux", load=cache)}, tiny_folder)
    first = drawn(pool, "x")
    expert: Any = pool.expert("x")

    def step(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("lost")

    scheduler = next(iter(expert._schedulers.values()))
    real, scheduler.step = scheduler.step, step
    assert ask(pool, "x", seed=3).failure
    scheduler.step = real
    assert np.array_equal(drawn(pool, "x"), first)


def test_what_has_no_step_cache_says_so() -> None:
    class Plain(torch.nn.Module):
        pass

    with pytest.raises(ValueError, match="Plain has no step cache"):
        _loading._cache(Plain(), None, {"method": "first_block"})

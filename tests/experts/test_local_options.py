"""What single larger families do beyond the contract: pictures, samplers, refiner, long prompts, no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from experts.local._family import Family
from experts.memory import Residency
from experts.pool import Pool
from experts.registry import from_config
from experts.types import Job, Request
from tests.experts.large_world import (  # noqa: F401
    digest,
    large_config,
    large_folder,
    large_pool,
    large_registry,
    one,
)


@pytest.mark.parametrize(("name", "most"), [("flux2_edit", 4), ("qwen_image_edit_plus", 3), ("qwen_image_edit", 1)])
def test_further_pictures_are_seen_up_to_the_most(name: str, most: int, pool: Pool) -> None:
    blue, red, tall = (
        Image.new("RGB", (96, 96), "blue"),
        Image.new("RGB", (96, 96), "red"),
        Image.new("RGB", (64, 96)),
    )
    given = [images for images in ((blue,), (red,), (blue, red), (blue, tall)) if len(images) <= most]
    seen = [digest(one(pool, name, images=images)) for images in given]
    assert len(set(seen)) == len(seen)
    assert one(pool, name, images=(blue,) * most).image
    refused = one(pool, name, images=(blue,) * (most + 1)).failure
    assert refused and refused.kind == "unsupported" and f"not {most + 1}" in refused.message


@pytest.mark.parametrize("name", ["stable_diffusion_3", "flux2", "qwen_image", "z_image", "aura_flow", "sd3_img2img"])
def test_flow_models_take_flow_samplers_and_no_others(name: str, pool: Pool) -> None:
    plain = digest(one(pool, name))
    assert digest(one(pool, name, params={"sampler": "flow-heun"})) != plain
    assert digest(one(pool, name)) == plain
    refused = one(pool, name, params={"sampler": "ddim"}).failure
    assert refused and refused.kind == "unsupported"
    assert refused.message.endswith("(FlowMatchEulerDiscreteScheduler); type one of flow, flow-heun")


def test_others_refuse_flow_samplers(pool: Pool) -> None:
    refused = one(pool, "sdxl", params={"sampler": "flow"}).failure
    assert refused and refused.message.endswith("type one of ddpm, ddim, dpm++, euler, euler-trailing, lcm")


def test_a_card_with_the_wrong_sampler_cannot_be_loaded(config: dict[str, dict[str, Any]], folder: Path) -> None:
    entry = config["tiny-sdxl"]
    card = {**entry["card"], "params": {"sampler": "flow"}}
    (result,) = Pool(from_config({"x": {**entry, "card": card}}, folder), Residency("cpu")).run(
        [Job("x", Request("a"))]
    )
    assert result.failure and result.failure.kind == "unavailable" and "does not fit" in result.failure.message


@pytest.mark.parametrize(("share", "wanted"), [(0.5, (2, 2)), (0.25, (3, 1)), (0.0, (4, 0))])
def test_the_refiner_takes_its_share_of_the_steps(share: float, wanted: tuple[int, int], pool: Pool) -> None:
    pipe = pool.expert("tiny-sdxl_refined").pipe
    counts = [0, 0]
    hooks = []
    for place, unet in enumerate((pipe.base.unet, pipe.refiner.unet)):

        def count(*_: Any, place: int = place) -> None:
            counts[place] += 1

        hooks.append(unet.register_forward_hook(count))
    assert one(pool, "sdxl_refined", params={"refiner_share": share}).image
    for hook in hooks:
        hook.remove()
    assert tuple(counts) == wanted


def test_the_refiner_shares_parts_and_nothing_else(pool: Pool) -> None:
    expert = pool.expert("tiny-sdxl_refined")
    base, refiner = expert.pipe.base, expert.pipe.refiner
    assert refiner.vae is base.vae and refiner.text_encoder_2 is base.text_encoder_2
    one(pool, "sdxl_refined", params={"sampler": "dpm++"})
    assert type(base.scheduler) is type(refiner.scheduler) and base.scheduler is not refiner.scheduler
    assert expert.parts["refiner_unet"] is refiner.unet
    plain = digest(one(pool, "sdxl_refined", params={"refiner_share": 0.0}))
    assert plain != digest(one(pool, "sdxl_refined"))
    bad = one(pool, "sdxl_refined", params={"refiner_share": 1.0}).failure
    assert bad and "refiner_share is 1.0: give a share" in bad.message


@pytest.mark.parametrize(
    ("name", "limit"),
    [("stable_diffusion_3", 12), ("qwen_image", 12), ("z_image", 12), ("flux2", 80), ("flux2_klein", 12), ("sdxl", 12)],
)
def test_a_long_prompt_is_cut_with_a_note(name: str, limit: int, pool: Pool) -> None:
    (note,) = one(pool, name, "a red star " * 40).notes
    assert note.startswith(f"prompt cut to {limit} of its 1") and not one(pool, name, "a red star").notes


def test_a_template_counts_where_it_shares_the_limit(pool: Pool) -> None:
    from diffusers.pipelines.flux2.pipeline_flux2 import SYSTEM_MESSAGE

    pipe = pool.expert("tiny-flux2").pipe
    both = len(pipe.tokenizer(SYSTEM_MESSAGE + " a red star").input_ids)
    assert one(pool, "flux2", params={"max_sequence_length": both - 1}).notes == (
        f"prompt cut to {both - 1} of its {both} tokens",
    )


def test_qwen_image_edit_does_not_cut(pool: Pool) -> None:
    long = "a red star " * 40
    for name in ("qwen_image_edit", "qwen_image_edit_plus"):
        result = one(pool, name, long)
        assert not result.notes and digest(result) != digest(one(pool, name, long + "green"))


def test_a_prompt_with_a_place_for_a_picture_fails_alone(pool: Pool) -> None:
    bad = one(pool, "qwen_image_edit", "make <|image_pad|> green").failure
    assert bad and bad.kind == "broken" and "take <|image_pad|> out of the prompt" in bad.message


def test_weights_that_draw_are_no_editor(config: dict[str, dict[str, Any]], folder: Path, tiny_folder: Path) -> None:
    from tests.experts import tiny

    tiny.build(tiny_folder / "again")
    weights = {"weights": str(tiny_folder / "again" / "stable_diffusion")}
    parts = {"vae": "vae", "text_encoder": "clip", "tokenizer": "tokenizer"}
    weights |= {"components": {name: str(tiny_folder / "again" / "parts" / part) for name, part in parts.items()}}
    entry = {**config["tiny-magicbrush"], **weights}
    picture = Image.new("RGB", (96, 96))
    (result,) = Pool(from_config({"x": entry}, folder), Residency("cpu")).run([Job("x", Request("a", (picture,)))])
    assert result.failure and "takes 16 channels, no picture: use family stable_diffusion" in result.failure.message


def test_generic_draws_at_the_size_that_the_call_would(pool: Pool) -> None:
    assert pool.expert("tiny-aura_flow")._native_size() == (1024, 1024)
    assert pool.expert("tiny-z_image")._native_size() == (1024, 1024)


def test_generic_takes_pipelines_that_have_a_family(config: dict[str, dict[str, Any]], folder: Path) -> None:
    """No code: the same pictures through the family and through `generic`."""
    names = ("sdxl", "stable_diffusion_3", "z_image")
    described = {name: config[f"tiny-{name}"] for name in names}
    described |= {f"{name}-generic": {**config[f"tiny-{name}"], "family": "generic"} for name in names}
    made = Pool(from_config(described, folder), Residency("cpu")).run(
        [Job(name, Request("a red star")) for name in described]
    )
    seen = dict(zip(described, map(digest, made), strict=True))
    assert all(seen[name] == seen[f"{name}-generic"] for name in names)


def test_a_family_says_which_params_it_takes() -> None:
    family = Family(pipelines=(), names={"steps": "num_inference_steps"}, samplers=True, own=("low",))
    assert family.params == ("steps", "low", "sampler")

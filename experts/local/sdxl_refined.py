"""SDXL with its refiner: the base removes most of the noise, a second U-Net, trained on little noise, the rest
(arXiv:2307.01952, section 2.5; 'ensemble of expert denoisers').

`refiner_share` is the refiner's part of the noise schedule: 0.2 of 30 steps are 24 steps of the base and 6 of the
refiner; 0 leaves the refiner out. The refiner's pipeline uses the base's second text encoder and VAE. Weights of the
refiner: `components.refiner`, a folder or hub id of its pipeline.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from experts.entries import Source
from experts.local._family import Family
from experts.memory import Residency
from experts.published import draws

_SHARED = ("vae", "text_encoder_2", "tokenizer_2")


class Refined:
    """Two pipelines that are called as one; what it does not have itself is the base's.

    Args:
        base: a StableDiffusionXLPipeline.
        refiner: a StableDiffusionXLImg2ImgPipeline.
    """

    def __init__(self, base: Any, refiner: Any) -> None:
        self.base, self.refiner = base, refiner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    @property
    def components(self) -> dict[str, Any]:
        """The base's parts, and the refiner's U-Net."""
        return {**self.base.components, "refiner_unet": self.refiner.unet}

    @property
    def scheduler(self) -> Any:
        """The base's."""
        return self.base.scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Any) -> None:
        from experts.local._samplers import fresh

        self.base.scheduler, self.refiner.scheduler = scheduler, fresh(scheduler)

    def __call__(
        self,
        prompt: list[str],
        num_inference_steps: int = 30,
        guidance_scale: float = 5.0,
        negative_prompt: list[str] | None = None,
        refiner_share: float = 0.2,
        width: int | None = None,
        height: int | None = None,
        **options: Any,
    ) -> Any:
        """What the refiner's pipeline gives for the latents that the base leaves.

        Raises:
            ValueError: a share outside 0 .. 1, without 1.
        """
        if not 0 <= refiner_share < 1:
            raise ValueError(f"refiner_share is {refiner_share}: give a share of the steps from 0 to below 1")
        both = {
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            "num_inference_steps": num_inference_steps,
            "guidance_scale": guidance_scale,
        }
        if not refiner_share:
            return self.base(**both, width=width, height=height, **options)
        turn = 1 - refiner_share
        handed = {**options, "output_type": "latent"}
        latents = self.base(**both, width=width, height=height, denoising_end=turn, **handed).images
        return self.refiner(**both, image=latents, denoising_start=turn, **options)


def _open(source: Source, residency: Residency) -> Any:
    from experts.local._weights import read

    where = source.components.get("refiner")
    if where is None:
        raise ValueError("sdxl_refined needs a refiner: give its folder or hub id under components.refiner")
    others = {name: path for name, path in source.components.items() if name != "refiner"}
    base = read(dataclasses.replace(source, components=others), ("StableDiffusionXLPipeline",), residency)
    second = Source(where, {}, source.revisions.get("refiner"), source.loading)
    shared = {name: getattr(base, name) for name in _SHARED}
    refiner = read(second, ("StableDiffusionXLImg2ImgPipeline",), residency, **shared)
    return Refined(base, refiner)


FAMILY = Family(
    pipelines=("StableDiffusionXLPipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "refiner_share": "refiner_share",
    },
    samplers=True,
    borrowed={"refiner": _SHARED},
    open=_open,
)

MODELS: dict[str, dict[str, Any]] = {
    "sdxl-refined": {
        "family": "sdxl_refined",
        "weights": "stabilityai/stable-diffusion-xl-base-1.0",
        "revision": "462165984030d82259a11f4367a4eed129e94a7b",
        "components": {
            "refiner": "stabilityai/stable-diffusion-xl-refiner-1.0@5d4cfe854c9a9a87939ff3653551c2b3c99a4356"
        },
        "card": {
            "mode": "text-to-image",
            "verbs": ["generate", "restyle"],
            "description": "Photographs at 1024 px with finer detail in skin, hair and fabric; reads 77 tokens.",
            "skills": draws("SDXL"),  # of the base: the refiner changes no content
            "min_side": 512,
            "max_side": 1536,
            "max_batch": 4,
            "vram_gib": 12.7,
            "seconds": 1.0,
            "licence": "CreativeML-OpenRAIL++-M",
            "source": "https://huggingface.co/stabilityai/stable-diffusion-xl-refiner-1.0 (seconds: estimated)",
            "params": {"steps": 30, "guidance": 5.0, "sampler": "euler", "negative_prompt": "", "refiner_share": 0.2},
        },
        "profiles": {"draft": {"params": {"steps": 12, "refiner_share": 0.25}, "seconds": 0.4}},
    }
}

"""The larger families as experts on the CPU: what their tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry, from_config
from experts.types import Job, Request, Result, image_digest

FAMILIES = (
    *("sdxl", "sdxl_refined", "stable_diffusion_3", "flux2", "flux2_edit", "flux2_klein", "qwen_image"),
    *("qwen_image_edit", "qwen_image_edit_plus", "z_image", "magicbrush", "aura_flow", "lumina2", "sd3_img2img"),
    *("pixart_sigma", "longcat_image", "longcat_image_edit"),
)


@pytest.fixture(scope="module", name="folder")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large")


@pytest.fixture(scope="module", name="config")
def large_config(folder: Path) -> dict[str, dict[str, Any]]:
    from tests.experts import tiny_large

    assert set(FAMILIES) == set(tiny_large.RECIPES)
    return tiny_large.build(folder)


@pytest.fixture(scope="module", name="registry")
def large_registry(config: dict[str, dict[str, Any]], folder: Path) -> Registry:
    return from_config(config, folder)


@pytest.fixture(scope="module", name="pool")
def large_pool(registry: Registry) -> Iterator[Pool]:
    """Qwen-Image-Edit sees every picture at one megapixel; here at 64x64 px, for the time's sake."""
    from diffusers.pipelines.longcat_image import pipeline_longcat_image_edit as longcat
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as edit
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

    real, meant = edit.calculate_dimensions, longcat.calculate_dimensions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edit, "calculate_dimensions", lambda area, ratio: real(64 * 64, ratio))
        patch.setattr(longcat, "calculate_dimensions", lambda area, ratio: meant(64 * 64, ratio))
        patch.setattr(plus, "VAE_IMAGE_SIZE", 64 * 64)
        patch.setattr(plus, "CONDITION_IMAGE_SIZE", 64 * 64)
        yield Pool(registry, Residency("cpu"))


class Recorder:
    """A pipeline's call around the real one: what it was given and what it gave."""

    def __init__(self, pipe: Any) -> None:
        self.pipe, self.given, self.images = pipe, [], []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pipe, name)

    def __call__(self, **arguments: Any) -> Any:
        self.given.append(arguments)
        out = self.pipe(**arguments)
        self.images.append(np.asarray(out.images, np.float64))
        return out


def one(pool: Pool, name: str, prompt: str = "a red star", **options: Any) -> Result:
    """One request of an expert; editors get a blue picture unless they are given others."""
    edits = pool.registry[f"tiny-{name}"].card.mode == "image-to-image"
    images = options.pop("images", (Image.new("RGB", (96, 96), "blue"),) if edits else ())
    (result,) = pool.run([Job(f"tiny-{name}", Request(prompt, images, **options))])
    return result


def digest(result: Result) -> str:
    assert result.failure is None and result.image
    return image_digest(result.image)

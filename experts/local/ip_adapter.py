"""IP-Adapter on Stable Diffusion 1.5 and SDXL: pictures as a prompt beside the words (arXiv:2308.06721).

A picture is drawn anew in the likeness of those given (at most four); `likeness` 0 leaves it to the words alone, 1 to
the pictures. Components: `ip_adapter`, a safetensors file; `image_encoder`, the CLIP vision model that it was made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experts.entries import Source
from experts.local import sdxl, stable_diffusion
from experts.local._family import Ask, Family
from experts.memory import Residency

_PARTS = ("ip_adapter", "image_encoder")


def _open(source: Source, residency: Residency) -> Any:
    from safetensors import safe_open
    from transformers import CLIPVisionModelWithProjection

    from experts.local import _joined
    from experts.local._quantising import file_of
    from experts.local._weights import quiet_loading, read

    _check(source)
    encoder = _joined.part(source, "image_encoder", CLIPVisionModelWithProjection, residency)
    pipe = read(_joined.without(source, *_PARTS), FAMILY.pipelines, residency)
    pipe.register_modules(image_encoder=encoder)
    layers: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    where = file_of(source.components["ip_adapter"], source.revisions.get("ip_adapter"))
    with safe_open(where, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118
            group, _, name = key.partition(".")
            if group not in layers:
                raise ValueError(f"{where.name} holds {key}: it is no IP-Adapter")
            layers[group][name] = file.get_tensor(key)
    with quiet_loading():
        pipe.load_ip_adapter(layers, subfolder="", weight_name="ip_adapter.safetensors")
    pipe.unet.eval().requires_grad_(False)
    return pipe


def _check(source: Source) -> None:
    """Raises ValueError: no adapter, or a U-Net that cannot take its layers."""
    if "ip_adapter" not in source.components:
        raise ValueError("ip_adapter needs components.ip_adapter: give a safetensors file")
    if "unet" in source.components:
        raise ValueError("ip_adapter changes its U-Net, so that no other expert can share it: drop components.unet")
    if source.loading.get("offload"):
        raise ValueError("ip_adapter adds layers to its U-Net, which offloading would not know: drop load.offload")


def _prepare(ask: Ask, pipe: Any) -> Ask:
    pipe.set_ip_adapter_scale(float(ask.params.get("likeness", 1.0)))
    return ask


def _pictures(ask: Ask) -> Mapping[str, Any]:
    """One adapter, all pictures of the one request."""
    return {"ip_adapter_image": [[ask.images[0], *(ask.more[0] if ask.more else ())]]}


FAMILY = Family(
    pipelines=("StableDiffusionPipeline", "StableDiffusionXLPipeline"),
    names={"steps": "num_inference_steps", "guidance": "guidance_scale", "negative_prompt": "negative_prompt"},
    samplers=True,
    image="ip_adapter_image",
    pictures=4,
    batch=False,  # a list of pictures belongs to one prompt
    own=("likeness",),
    prepare=_prepare,
    more=_pictures,
    open=_open,
)

_AT = "018e402774aeeddd60609b4ecdb7e298259dc729"


def _entry(base: dict[str, Any], file: str, card: dict[str, Any]) -> dict[str, Any]:
    common = {"steps": 30, "likeness": 0.6, "sampler": "dpm++", "negative_prompt": ""}
    return {
        "family": "ip_adapter",
        "weights": base["weights"],
        "revision": base["revision"],
        "components": {
            "ip_adapter": f"h94/IP-Adapter/{file}@{_AT}",
            "image_encoder": f"h94/IP-Adapter/models/image_encoder@{_AT}",
        },
        "profiles": {"draft": {"params": {"steps": 12}, "seconds": 0.4}},
        "card": {
            "mode": "image-to-image",
            "verbs": ["restyle", "background"],
            "inputs": ["description"],
            "description": "Draws a new picture from words in the likeness of the one given: subject, colours, style.",
            "licence": base["card"]["licence"],
            "source": "https://huggingface.co/h94/IP-Adapter (the adapter: Apache-2.0; seconds: estimated)",
            "min_side": 256,
            "max_side": base["card"]["max_side"],
            "seconds": 1.0,
            **card,
            "params": {**common, "guidance": base["card"]["params"]["guidance"]},
        },
    }


MODELS: dict[str, dict[str, Any]] = {
    "sd-1.5-ip-adapter": _entry(
        stable_diffusion.MODELS["sd-1.5"], "models/ip-adapter_sd15.safetensors", {"vram_gib": 4.8}
    ),
    "sdxl-ip-adapter": _entry(sdxl.MODELS["sdxl"], "sdxl_models/ip-adapter_sdxl_vit-h.safetensors", {"vram_gib": 10.5}),
}
"""Memory in bfloat16: SD 1.5 2.8 GB, SDXL 7.0; the adapter 0.05 and 0.7, the image encoder (CLIP ViT-H) 1.3; the rest
is for one request."""

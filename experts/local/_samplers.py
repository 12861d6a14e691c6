"""Samplers by name: a fresh scheduler with the noise schedule that the model was trained with."""

from __future__ import annotations

import inspect
from typing import Any

SAMPLERS = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
}


def fresh(model: Any, name: str | None = None) -> Any:
    """A new scheduler (they keep state) configured as `model`, a scheduler; `name` None: of the same class.

    Raises:
        KeyError: a name that is not in `SAMPLERS`.
    """
    import diffusers

    if name is None:
        return type(model).from_config(model.config)
    kind = getattr(diffusers, SAMPLERS[name])
    # DDPM and DDIM clip their samples to [-1, 1] by default, right for pixels and ruinous for latents
    latents = {"clip_sample": False} if "clip_sample" in inspect.signature(kind).parameters else {}
    return kind.from_config(model.config, **latents)

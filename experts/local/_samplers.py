"""Samplers by name: a fresh scheduler with the noise schedule that the model was trained with.

A network that predicts a velocity along straight paths (flow matching) needs the flow samplers; one that predicts
noise, the clean picture or v needs the others. A sampler of the wrong kind would run and draw noise: it is refused.
"""

from __future__ import annotations

import inspect
from typing import Any

from experts.failures import hint

SAMPLERS = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-trailing": "EulerDiscreteScheduler",
    "lcm": "LCMScheduler",
    "flow": "FlowMatchEulerDiscreteScheduler",
    "flow-heun": "FlowHeun",
}
CHANGES: dict[str, dict[str, Any]] = {"euler-trailing": {"timestep_spacing": "trailing"}}
"""What a sampler changes in the schedule: models distilled to few steps begin at its very end (arXiv:2402.13929)."""
FLOW = ("flow", "flow-heun")
_PREDICTIONS = ("epsilon", "sample", "v_prediction")


def fitting(model: Any) -> tuple[str, ...]:
    """Names of the samplers for a model whose own scheduler is `model`; none where its kind is unknown."""
    prediction = model.config.get("prediction_type")
    if type(model).__name__.startswith(("FlowMatch", "FlowHeun")) or prediction == "flow_prediction":
        return FLOW
    return tuple(name for name in SAMPLERS if name not in FLOW) if prediction in _PREDICTIONS else ()


def unfit(model: Any, name: str) -> str:
    """Why that sampler cannot run a model whose own scheduler is `model`, with the names that can; '' where it can."""
    names = fitting(model)
    if name in names:
        return ""
    if name not in SAMPLERS:
        return f"no such sampler {name!r}; {hint(str(name), SAMPLERS, 'samplers')}"
    fit = f"type one of {', '.join(names)}" if names else "take 'sampler' out"
    return f"sampler {name!r} does not fit what the model predicts ({type(model).__name__}); {fit}"


def fresh(model: Any, name: str | None = None) -> Any:
    """A new scheduler (they keep state) configured as `model`, a scheduler; `name` None: of the same class.

    Raises:
        ValueError: an unknown name, or one that does not fit the model.
    """
    if name is None:
        return type(model).from_config(model.config)
    reason = unfit(model, name)
    if reason:
        raise ValueError(reason)
    kind = _kind(name)
    takes = inspect.signature(kind).parameters
    # DDPM and DDIM clip their samples to [-1, 1] by default, right for pixels and ruinous for latents
    changes: dict[str, Any] = dict(CHANGES.get(name, {}))
    changes |= {"clip_sample": False} if "clip_sample" in takes else {}
    if name in FLOW and "shift" not in model.config:  # solvers that also know flows call it so
        changes["shift"] = model.config.get("flow_shift", 1.0)
    return kind.from_config(model.config, **changes)


def _kind(name: str) -> Any:
    if name == "flow-heun":
        from experts.local._heun import FlowHeun

        return FlowHeun
    import diffusers

    return getattr(diffusers, SAMPLERS[name])

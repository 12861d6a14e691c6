"""Heun's method for flow matching on the model's own noise schedule.

The scheduler of that name in diffusers takes neither the noise levels nor the shift by resolution that FLUX, Qwen-Image
and Z-Image hand over, so this one is built on the Euler scheduler, which does.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteSchedulerOutput


class FlowHeun(FlowMatchEulerDiscreteScheduler):
    """Second order: n steps cost 2n - 1 evaluations of the network (arXiv:2206.00364, Algorithm 1 without churn)."""

    order = 2
    timesteps: Any
    sigmas: Any

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: list[float] | None = None,
        mu: float | None = None,
        timesteps: list[float] | None = None,
    ) -> None:
        """The levels that Euler's steps would have; each but the first is evaluated twice."""
        super().set_timesteps(num_inference_steps, device, sigmas, mu, timesteps)
        times, levels = self.timesteps, self.sigmas
        self.timesteps = torch.cat([times[:1], times[1:].repeat_interleave(2)])
        self.sigmas = torch.cat([levels[:1], levels[1:-1].repeat_interleave(2), levels[-1:]])
        self._trial: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,
        sample: torch.Tensor,
        *_: Any,
        return_dict: bool = True,
        **__: Any,
    ) -> Any:
        """A trial step of Euler, then the same step again with the mean of the velocities at both of its ends."""
        if self.step_index is None:
            self._init_step_index(timestep)
        velocity = model_output.float()
        if self._trial is None:
            length = self.sigmas[self.step_index + 1] - self.sigmas[self.step_index]
            start = sample.float()
            self._trial = (start, velocity, length)
        else:
            start, first, length = self._trial
            velocity = (first + velocity) / 2
            self._trial = None
        self._step_index += 1
        moved = (start + length * velocity).to(model_output.dtype)
        return FlowMatchEulerDiscreteSchedulerOutput(prev_sample=moved) if return_dict else (moved,)

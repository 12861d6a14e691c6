"""Stable Diffusion 1 and 2: U-Net, CLIP, classifier-free guidance (arXiv:2112.10752)."""

from experts.local._family import Family

FAMILY = Family(
    pipelines=("StableDiffusionPipeline",),
    names={"steps": "num_inference_steps", "guidance": "guidance_scale", "negative_prompt": "negative_prompt"},
    samplers=True,
)

"""Any other diffusers pipeline whose call takes the usual names (SDXL, SD 3, Qwen-Image, img2img, ...)."""

from experts.local._family import Family

FAMILY = Family(
    pipelines=(),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "true_guidance": "true_cfg_scale",
        "negative_prompt": "negative_prompt",
        "strength": "strength",
        "max_sequence_length": "max_sequence_length",
    },
    samplers=True,
)

"""InstructPix2Pix and its kin (MagicBrush): U-Net guided by the picture and by the words (arXiv:2211.09800).

The result has the size of the input picture.
"""

from experts.local._family import Family

FAMILY = Family(
    pipelines=("StableDiffusionInstructPix2PixPipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "image_guidance": "image_guidance_scale",
        "negative_prompt": "negative_prompt",
    },
    samplers=True,
)

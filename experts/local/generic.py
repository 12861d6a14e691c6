"""Any other diffusers pipeline whose call takes the usual names (AuraFlow, Lumina 2, Sana, Kandinsky 3, img2img, ...).

What its call does not take is left out, or named where a card asks for it. The picture has exactly the wanted size
(no binning to preset resolutions) and the prompt is used as it is.
"""

from experts.local._family import Family

FAMILY = Family(
    pipelines=(),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "true_guidance": "true_cfg_scale",
        "image_guidance": "image_guidance_scale",
        "negative_prompt": "negative_prompt",
        "strength": "strength",
        "max_sequence_length": "max_sequence_length",
    },
    fixed={"use_resolution_binning": False, "clean_caption": False},
    samplers=True,
)

"""PixArt-alpha and PixArt-Sigma: diffusion transformer, T5 (arXiv:2310.00426, arXiv:2403.04692).

The caption reaches T5 as it is and the picture has exactly the wanted size (no binning to preset resolutions).
"""

from experts.local._family import Family

FAMILY = Family(
    pipelines=("PixArtAlphaPipeline", "PixArtSigmaPipeline"),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
    fixed={"use_resolution_binning": False, "clean_caption": False},
    samplers=True,
)

"""FLUX.1: flow-matching transformer, CLIP and T5. Sides are rounded down to twice the VAE's factor (`Card.multiple`).

`guidance` is the distilled guidance (an input of the network); `true_guidance` above 1 with a `negative_prompt` is
classifier-free guidance, at twice the time.
"""

from experts.local._family import Family

FAMILY = Family(
    pipelines=("FluxPipeline",),
    names={
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "true_guidance": "true_cfg_scale",
        "negative_prompt": "negative_prompt",
        "max_sequence_length": "max_sequence_length",
    },
)

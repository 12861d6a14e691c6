"""The full-size local models: `MODELS` of every family file. Listing them imports neither torch nor diffusers.

`vram_gib`: weights in bfloat16, by the parameter counts of the classes at their published sizes, with the text
encoders, and 1 to 3 GiB for a request. `seconds`: where `source` says 'estimated', evaluations of the network times
its FLOP at the native size, counted by torch, at 400 TFLOP/s (an H100 in bfloat16, nominal), or .03 s where that is
more (eager U-Nets wait for the CPU); text encoders and VAE are not in it, and none of it was measured.
GoT-R1-7B is not here: its code is a repository (Janus-Pro's classes, changed) that no package on PyPI brings.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from experts.registry import Entry, from_config


def entries(profile: str = "full") -> list[Entry]:
    """One a model, in the order of the family files; their weights need not be there."""
    found: list[Entry] = []
    for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
        if file.stem != "roster":
            family = importlib.import_module(f"experts.local.{file.stem}")
            found += from_config(getattr(family, "MODELS", {}), profile=profile).values()
    return found

"""Where trained weights go: `experts/poster/weights/PART/`, half precision, safetensors, each part stored once."""

from __future__ import annotations

import copy
from pathlib import Path

import torch

WEIGHTS = Path(__file__).parents[1] / "weights"


def save_part(name: str, module: torch.nn.Module) -> Path:
    """Saves a component (diffusers model or transformers model) in fp16 under its own class's format."""
    folder = WEIGHTS / name
    copy.deepcopy(module).half().cpu().save_pretrained(folder, safe_serialization=True)
    return folder

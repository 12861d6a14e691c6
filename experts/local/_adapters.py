"""LoRA adapters (arXiv:2106.09685): a small file of weights beside those of a model."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def adapt(pipe: Any, files: Mapping[str, Path], scales: Mapping[str, float], shared: Mapping[str, Any]) -> None:
    """Adds adapters to the pipeline's own parts.

    They stay beside the weights, unmerged: what an expert shares with another stays shared, in RAM and on the device.

    Args:
        files: a safetensors file by the adapter's name; `scales`: how much of each.
        shared: components that other experts use too: an adapter must not change them.

    Raises:
        ImportError: peft is not installed.
        ValueError: a file with nothing for this pipeline, or for a shared part.
    """
    if importlib.util.find_spec("peft") is None:
        raise ImportError("load.adapters needs peft; type: pip install 'poser[levers]'")
    for name, file in files.items():
        pipe.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name=name, local_files_only=True)
        changed = {part: names for part, names in pipe.get_list_adapters().items() if name in names}
        if not changed:
            raise ValueError(f"{file} has nothing for a {type(pipe).__name__}: take {name} out of load.adapters")
        both = next((part for part in changed if part in shared), None)
        if both:
            raise ValueError(f"load.adapters.{name} changes {both}, which others share: take it out of components")
    pipe.set_adapters(list(files), [scales[name] for name in files])
    for part in pipe.components.values():
        if hasattr(part, "peft_config"):
            part.eval().requires_grad_(False)

"""Vision-language models by short name: `critic: {name: vqa, model: qwen3-vl-4b}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ASK = "Answer yes or no."


@dataclass(frozen=True)
class Preset:
    """A model that can be the critic.

    Attributes:
        model: hub id; `licence`: of its weights, SPDX where there is such a name.
        gb: bfloat16 weights, 10**9 bytes.
        prefix, suffix: words around every question.
        images: limits of what the picture becomes, in the settings of the model's own image processor.
        needs: packages beyond this project's own that the processor imports.
    """

    model: str
    licence: str
    gb: float
    prefix: str = ""
    suffix: str = ASK
    images: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def gib(self) -> float:
        """Room in memory, GiB: the weights and 1.5 GiB for a pass of 16384 tokens and the caches of its pictures."""
        return round(self.gb * 1e9 / 2**30 + 1.5, 1)

    @property
    def settings(self) -> dict[str, Any]:
        """The keyword arguments of `Vlm` that it stands for, beside the model."""
        return {"prefix": self.prefix, "suffix": self.suffix, "images": dict(self.images), "gib": self.gib}


_PIXELS = {"size": {"shortest_edge": 256 * 256, "longest_edge": 768 * 768}}
"""Qwen: a picture has 256**2 .. 768**2 px; at most 576 tokens (Qwen3-VL) or 756 (Qwen2.5-VL)."""
_TILES = {"max_patches": 4}
"""InternVL: at most 4 tiles of 448 px and a thumbnail, 1280 tokens."""

PRESETS: dict[str, Preset] = {
    "qwen3-vl-2b": Preset("Qwen/Qwen3-VL-2B-Instruct", "Apache-2.0", 4.3, images=_PIXELS),
    "qwen3-vl-4b": Preset("Qwen/Qwen3-VL-4B-Instruct", "Apache-2.0", 8.9, images=_PIXELS),
    "qwen3-vl-8b": Preset("Qwen/Qwen3-VL-8B-Instruct", "Apache-2.0", 17.5, images=_PIXELS),
    "qwen2.5-vl-3b": Preset("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen-Research", 7.5, images=_PIXELS),
    "qwen2.5-vl-7b": Preset("Qwen/Qwen2.5-VL-7B-Instruct", "Apache-2.0", 16.6, images=_PIXELS),
    "internvl3-1b": Preset("OpenGVLab/InternVL3-1B-hf", "MIT (Qwen2.5 inside: Apache-2.0)", 1.9, images=_TILES),
    "internvl3-2b": Preset("OpenGVLab/InternVL3-2B-hf", "MIT (Qwen2.5 inside: Apache-2.0)", 4.2, images=_TILES),
    "internvl3-8b": Preset("OpenGVLab/InternVL3-8B-hf", "MIT (Qwen2.5 inside: Apache-2.0)", 15.9, images=_TILES),
    "smolvlm2-256m": Preset("HuggingFaceTB/SmolVLM2-256M-Video-Instruct", "Apache-2.0", 0.5, needs=("num2words",)),
    "smolvlm2-500m": Preset("HuggingFaceTB/SmolVLM2-500M-Video-Instruct", "Apache-2.0", 1.0, needs=("num2words",)),
    "smolvlm2-2b": Preset("HuggingFaceTB/SmolVLM2-2.2B-Instruct", "Apache-2.0", 4.5, needs=("num2words",)),
    "llava-1.6-7b": Preset("llava-hf/llava-v1.6-mistral-7b-hf", "Apache-2.0", 15.1),
    "paligemma-3b": Preset("google/paligemma-3b-mix-448", "Gemma", 5.9, prefix="answer en", suffix=""),
    "paligemma2-3b": Preset("google/paligemma2-3b-mix-448", "Gemma", 6.1, prefix="answer en", suffix=""),
}
"""Licences as the pages of the models give them; sizes by their parameters at 2 bytes each."""

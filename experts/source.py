"""Where a pipeline's weights come from and how they are put into memory, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOADING: dict[str, tuple[Any, ...]] = {"quantise": ("nf4", "int8"), "offload": (True, False), "compile": (True, False)}
"""What an entry may ask of its loading, and the values it may ask for."""


@dataclass(frozen=True)
class Source:
    """A pipeline's weights.

    Attributes:
        weights: an absolute folder written by `save_pretrained`, or a hub id 'owner/name'.
        components: by their name in the pipeline, parts that stand elsewhere: absolute folders, or hub ids
            'owner/name' or 'owner/name/subfolder'.
        revision: the commit of a hub id, 40 hexadecimal digits; None: what the local hub cache holds.
        loading: `quantise`: 'nf4' (4 bits) or 'int8' for the denoiser; `offload`: keep the denoiser in RAM and bring
            its blocks to the device one by one; `compile`: torch.compile of the denoiser's repeated blocks.
        revisions: commits of those components that are hub ids, by their name; a component without one: as `revision`.
    """

    weights: str
    components: Mapping[str, str] = field(default_factory=dict)
    revision: str | None = None
    loading: Mapping[str, Any] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)

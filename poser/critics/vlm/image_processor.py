"""Processors for pictures alone: the video half, and the packages that only it needs, stay out."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def without_video(kind: Any) -> Any:
    """A processor class of transformers as a class that takes None for its video processor; others as they are."""
    parts = list(kind.get_attributes())
    if "video_processor" not in parts:
        return kind
    kept = [part for part in parts if part != "video_processor"]

    def get_attributes(cls: Any) -> list[str]:
        return kept

    def arguments(cls: Any, name: Any, processor_dict: Any = None, **settings: Any) -> list[Any]:
        found = dict(zip(kept, super(made, cls)._get_arguments_from_pretrained(name, processor_dict, **settings)))  # noqa: B905
        return [found.get(part) for part in parts]

    body = {
        "get_attributes": classmethod(get_attributes),
        "_get_arguments_from_pretrained": classmethod(arguments),
        "__module__": kind.__module__,
        "__doc__": kind.__doc__,
    }
    made: Any = type(kind.__name__, (kind,), body)
    return made


def processor_of(where: str | Path) -> Any:
    """The processor in a folder, for pictures and text.

    Raises ImportError (a package that the processor itself needs), OSError and ValueError (not there, not readable).
    """
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    config = AutoConfig.from_pretrained(where, trust_remote_code=False)
    kind = AutoProcessor if type(config) not in PROCESSOR_MAPPING else without_video(PROCESSOR_MAPPING[type(config)])
    return kind.from_pretrained(where, trust_remote_code=False)

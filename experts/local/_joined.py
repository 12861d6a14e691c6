"""Pipelines that are put together here: of another class than their weights were saved with, or with further parts.

Built from the parts themselves: `from_pipe` would cast what it is given to float32 (diffusers#12754).
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from experts.entries import Source
from experts.hub.fetch import folder
from experts.local._weights import load, quiet_loading
from experts.memory import Residency


def without(source: Source, *names: str) -> Source:
    """The source less those components: the ones that the saved pipeline does not have."""
    kept = {name: where for name, where in source.components.items() if name not in names}
    return dataclasses.replace(source, components=kept)


def part(source: Source, name: str, made_by: Any, residency: Residency) -> Any:
    """The component of that name, shared: a torch module in RAM that the class `made_by` reads.

    Raises:
        ValueError: the source has none.
        OSError: it cannot be read.
    """
    where, revision = source.components.get(name), source.revisions.get(name)
    if where is None:
        raise ValueError(f"{source.weights} needs a {name}: give its folder or hub id under components.{name}")

    def made() -> Any:
        with quiet_loading():
            return load(made_by, where, revision, residency)

    return residency.component(f"{where}@{revision}" if revision else where, made)


def processor(source: Source, name: str) -> Any:
    """The image processor that lies beside the weights of a component. Raises OSError: it cannot be read."""
    from transformers import AutoImageProcessor

    where = folder(source.components[name], source.revisions.get(name))
    with quiet_loading():
        return AutoImageProcessor.from_pretrained(where, trust_remote_code=False)


def rebuilt(pipe: Any, kind: str, **parts: Any) -> Any:
    """The same parts and settings, and those `parts`, as a pipeline of the diffusers class `kind`."""
    import diffusers

    made_by = getattr(diffusers, kind)
    takes = inspect.signature(made_by.__init__).parameters
    settings = {name: value for name, value in pipe.config.items() if name in takes and not name.startswith("_")}
    with quiet_loading():
        joined = made_by(**{**settings, **pipe.components, **parts})
    joined.set_progress_bar_config(disable=True)
    return joined


def extended(pipe: Any, **parts: Any) -> Any:
    """The same pipeline with `parts` that its class does not know among its components."""
    kind = type(pipe)

    def components(self: Any) -> dict[str, Any]:
        return {**kind.components.fget(self), **parts}

    pipe.__class__ = type(kind.__name__, (kind,), {"components": property(components)})
    for name, part in parts.items():
        setattr(pipe, name, part)
    return pipe

"""A Python file of the user's as a module: how plug-ins that are not installed come in, and only those named."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def is_file(name: str) -> bool:
    """Whether a plug-in's name is the path of a Python file: './mine.py'."""
    return name.endswith(".py")


def module_of(path: str | Path) -> ModuleType:
    """The module of a Python file, run once a path. It must define `load(settings, context)`.

    Raises ValueError: no such file, a file that fails when it is run, or one without `load`.
    """
    file = Path(path).expanduser().resolve()
    name = f"poser_plugin_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file) if file.is_file() else None
    if spec is None or spec.loader is None:
        raise ValueError(f"there is no file {str(path)!r}; give the path of a Python file that defines load()")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if not callable(getattr(module, "load", None)):
            raise ValueError("it defines no load(settings, context)")
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{str(path)!r} cannot be used ({told(error)})") from error
    return module


def told(error: Exception) -> str:
    """An exception of somebody else's code, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

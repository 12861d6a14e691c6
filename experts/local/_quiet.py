"""What diffusers and transformers print, held back where a result's notes say the same or where it is no news."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """No progress bars and no advice to install torchvision; warnings about weights are shown. Afterwards as before."""
    were_on = [module for module in _loggers() if module.is_progress_bar_enabled()]
    advice = logging.getLogger("transformers.utils.import_utils")
    advice.addFilter(_is_other_advice)
    for module in were_on:
        module.disable_progress_bar()
    try:
        yield
    finally:
        advice.removeFilter(_is_other_advice)
        for module in were_on:
            module.enable_progress_bar()


@contextlib.contextmanager
def quiet_call() -> Iterator[None]:
    """No warnings about cut prompts and rounded sizes: they are notes of the result. Afterwards as before."""
    before = [(module, module.get_verbosity()) for module in _loggers()]
    for module, _ in before:
        module.set_verbosity_error()
    try:
        yield
    finally:
        for module, level in before:
            module.set_verbosity(level)


def _loggers() -> tuple[ModuleType, ModuleType]:
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    return diffusers_logging, transformers_logging


def _is_other_advice(record: logging.LogRecord) -> bool:
    return "torchvision" not in record.getMessage()

"""Where answers of models are kept between runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "answers.sqlite"
"""In a folder of stored results; models share it, each sees its own answers alone."""


def keeping(module: Any, settings: Mapping[str, Any] | None, folder: str | Path | None) -> dict[str, Any]:
    """The settings of a critic, extractor or wording, with `answers` in `folder` where its `KEYS` know that setting and
    none is named."""
    own = {"answers": str(Path(folder) / FILE)} if folder and "answers" in getattr(module, "KEYS", ()) else {}
    return {**own, **(settings or {})}

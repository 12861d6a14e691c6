"""Keeps the tokens of a model's own chat format out of what users say."""

from __future__ import annotations

import re
from typing import Any


def control_of(tokenizer: Any) -> re.Pattern[str]:
    """Finds, in any text, every special token and every symbol that was added to the vocabulary ('<image>')."""
    added = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens}
    words = sorted((word for word in added if re.search(r"[^\w\s]|_", word)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)) or r"(?!)")


def spoken(control: re.Pattern[str] | None, text: str) -> str:
    """The text without a single control token: of each, only the letters and digits stay."""
    while control is not None and (left := control.sub(_letters, text)) != text:
        text = left
    return text


def _letters(hit: re.Match[str]) -> str:
    return " ".join(re.findall(r"[A-Za-z0-9]+", hit[0])) or " "

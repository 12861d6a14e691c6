"""Tables and figures in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Figure = Mapping[str, float | int | None]
"""'mean', 'low', 'high' of `stats.Estimate.to_json`; None where there is none."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def number(value: float | None, places: int = 2, sign: str = "") -> str:
    """'0.61'; a dash where there is no number."""
    return "–" if value is None or value != value else f"{value:{sign}.{places}f}"


def span(figure: Figure, places: int = 2, sign: str = "") -> str:
    """'0.61 [0.55, 0.67]'; `sign` '+' also shows a plus."""
    mean, low, high = (number(figure[name], places, sign) for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def verdict(figure: Figure) -> str:
    """'+0.050 [+0.010, +0.090]', bold where the interval is on one side of 0."""
    text, low, high = span(figure, 3, "+"), figure["low"], figure["high"]
    return f"**{text}**" if (low is not None and low > 0) or (high is not None and high < 0) else text

"""result.json and rows -> report.html, one page that stands alone: table, bars by skill and group, best and worst."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Template
from PIL import Image

from benchmarks._harness.statistics import whole
from benchmarks._harness.types import Item, Row
from experts.files import write_whole
from experts.images import ImageError, data_url, open_image
from poser.runs.templates import environment

SHOWN, SIDE = 6, 320
"""Pictures in each grid, and their longest side, px."""


def write(
    folder: Path,
    figures: Mapping[str, Any],
    rows: Sequence[Row],
    items: Mapping[str, Item],
    kept: Callable[[Item, int], Path],
) -> Path:
    """Writes folder/report.html. `kept`: where an item's picture is."""
    ranked = sorted((row for row in whole(rows) if not math.isnan(row.score)), key=lambda row: row.score)
    worst, best = ranked[:SHOWN], ranked[::-1][:SHOWN]
    told = template("report.html.j2").render(
        figures=figures,
        grids=[
            ("Best", [_tile(row, items, kept) for row in best]),
            ("Worst", [_tile(row, items, kept) for row in worst]),
        ],
        parts=[(name, figures[key]) for key, name in (("skills", "By skill"), ("groups", "By part")) if figures[key]],
        top=max([1.0, *(abs(row.score) for row in rows if not math.isnan(row.score))]),
    )
    write_whole(folder / "report.html", told.encode())
    return folder / "report.html"


def published(name: str) -> list[dict[str, Any]]:
    """Published rows of a benchmark: system, score, judge and source, from `published.yaml`."""
    import yaml

    table = yaml.safe_load((Path(__file__).parent / "published.yaml").read_text("utf-8")) or {}
    return list(table.get(name, []))


def template(name: str) -> Template:
    """A page's template, into which every word comes escaped."""
    page = environment(Path(__file__).parent)
    return page.get_template(name)


def _tile(row: Row, items: Mapping[str, Item], kept: Callable[[Item, int], Path]) -> dict[str, Any]:
    item = items.get(row.item)
    return {
        "id": row.item,
        "score": row.score,
        "prompt": item.prompt if item else "",
        "url": picture_url(kept(item, row.seed)) if item else "",
    }


def picture_url(path: Path) -> str:
    """The picture as a data URL, at most `SIDE` px a side; '' where there is none."""
    if not path.is_file():
        return ""
    try:
        picture = open_image(path)
    except ImageError:
        return ""
    factor = SIDE / max(picture.size)
    if factor < 1:
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return data_url(picture)

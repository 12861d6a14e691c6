"""The examples of the README and of the tutorials run: every python and sh block of a page, in order, in one folder.

Blocks of one language that follow each other are one session: what the first defines is there for the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
FENCE = re.compile(r"^```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def sessions(page: Path) -> Iterator[tuple[str, str]]:
    """Language and code of every session of a page."""
    for language, blocks in groupby(FENCE.findall(page.read_text("utf-8")), key=lambda block: block[0]):
        yield language, "\n".join(code for _, code in blocks)


def test_every_page_has_examples() -> None:
    assert all(list(sessions(page)) for page in PAGES)
    assert {language for language, _ in sessions(ROOT / "README.md")} == {"python", "sh"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, session) -> None:
    for language, code in sessions(page):
        done = session(code, language)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"

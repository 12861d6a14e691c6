"""The examples of the README and of the tutorials run: every python and sh block of a page, in order, in one folder.

Blocks of one language that follow each other are one session: what the first defines is there for the next.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
FENCE = re.compile(r"^```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 900  # of a session; a busy machine is no failure


def sessions(page: Path) -> Iterator[tuple[str, str]]:
    """Language and code of every session of a page."""
    for language, blocks in groupby(FENCE.findall(page.read_text("utf-8")), key=lambda block: block[0]):
        yield language, "\n".join(code for _, code in blocks)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a page's sessions run, with commands `poser` and `python` that are this checkout's."""
    for name, arguments in (("poser", " -m poser"), ("python", "")):
        command = tmp_path / ".bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        command.chmod(0o755)
    return tmp_path


def test_every_page_has_examples() -> None:
    assert all(list(sessions(page)) for page in PAGES)
    assert {language for language, _ in sessions(ROOT / "README.md")} == {"python", "sh"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, folder: Path) -> None:
    for language, code in sessions(page):
        start = [sys.executable, "-c"] if language == "python" else ["bash", "-euo", "pipefail", "-c"]
        paths = {"PATH": f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*start, code], cwd=folder, env=os.environ | paths, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"

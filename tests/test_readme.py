"""The README's examples run: every ```python run and ```sh run block, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(python|sh) run\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = FENCE.findall(README.read_text("utf-8")) if README.exists() else []
SECONDS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the blocks run, with a `poser` command that is this checkout's."""
    place = tmp_path_factory.mktemp("readme")
    command = place / ".bin" / "poser"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m poser "$@"\n')
    command.chmod(0o755)
    return place


def test_there_are_examples_of_both_kinds():
    assert {language for language, _ in BLOCKS} == {"python", "sh"}


@pytest.mark.parametrize(("language", "code"), BLOCKS, ids=[f"{n}-{block[0]}" for n, block in enumerate(BLOCKS, 1)])
def test_block(language, code, folder):
    start = [sys.executable, "-c"] if language == "python" else ["bash", "-euo", "pipefail", "-c"]
    paths = {"PATH": f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*start, code], cwd=folder, env=os.environ | paths, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"

"""Fixtures of the experts' tests: tiny pipelines on disk, a pool over them, pictures."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image, ImageDraw

from experts.memory import Residency
from experts.pool import Pool
from experts.registry import Registry, from_config


def _tiny() -> ModuleType:
    """`tiny.py` beside this file: torch is imported only when a test needs it."""
    if "tiny_pipelines" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tiny_pipelines", Path(__file__).with_name("tiny.py"))
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["tiny_pipelines"] = module
        spec.loader.exec_module(module)
    return sys.modules["tiny_pipelines"]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tiny pipelines lie."""
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="session")
def tiny_config(tiny_folder: Path) -> dict[str, dict[str, Any]]:
    """Config entries of the tiny pipelines, one a family; the weights are written."""
    return _tiny().build(tiny_folder)


@pytest.fixture(scope="session")
def tiny(tiny_config: dict[str, dict[str, Any]], tiny_folder: Path) -> Registry:
    """The tiny pipelines as a registry."""
    return from_config(tiny_config, tiny_folder)


@pytest.fixture(scope="session")
def tiny_pool(tiny: Registry) -> Pool:
    """A pool over the tiny pipelines on the CPU, without a store."""
    return Pool(tiny, Residency("cpu"))


@pytest.fixture
def picture() -> Image.Image:
    """A 96x96 px picture: a red disc on blue."""
    image = Image.new("RGB", (96, 96), (30, 60, 200))
    ImageDraw.Draw(image).ellipse((20, 20, 70, 70), fill=(220, 30, 30))
    return image


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums that several threads share round by how they are shared out, which random weights blow up (to 5e-5)."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

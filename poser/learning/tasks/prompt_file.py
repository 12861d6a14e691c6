"""Tasks from a file: a prompt a line, or JSON Lines with 'prompt' and perhaps 'image' (a path beside the file) and
'seed'."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.images import ImageError, open_image
from poser.types import PoserError, Task

LIMIT = 100_000
"""Lines of a file."""


@dataclass(frozen=True)
class PromptFile:
    """The tasks of a file, in its order; `draw` takes any of them."""

    id: str
    tasks: tuple[Task, ...]

    def draw(self, rng: np.random.Generator) -> Task:
        """Any task of the file."""
        return self.tasks[int(rng.integers(len(self.tasks)))]

    def first(self, count: int) -> list[Task]:
        """The first tasks of the file."""
        return list(self.tasks[:count])


def _task(line: str, number: int, file: Path) -> Task:
    where = f"{file}, line {number}"
    if not line.startswith("{"):
        return Task(line, seed=number, id=f"{file.stem}-{number}")
    try:
        data: dict[str, Any] = json.loads(line)
        prompt, seed = data["prompt"], data.get("seed", number)
        if not isinstance(prompt, str) or not prompt.strip() or not isinstance(seed, int) or isinstance(seed, bool):
            raise ValueError
        image = open_image(file.parent / data["image"]) if data.get("image") else None
    except ImageError as error:
        raise PoserError(f"{where}: {error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PoserError(f'{where}: write a prompt, or {{"prompt": "...", "image": "FILE", "seed": 1}}') from None
    return Task(prompt, image, seed, id=f"{file.stem}-{number}")


def load(argument: str) -> PromptFile:
    """The tasks of a file. Raises `PoserError`: unreadable, no prompt in it, a line of another form."""
    file = Path(argument)
    try:
        rows = file.read_text("utf-8").splitlines()[:LIMIT]
    except (OSError, UnicodeDecodeError) as error:
        raise PoserError(f"cannot read {argument!r}: {error}; give a text file with a prompt a line") from None
    tasks = tuple(_task(row.strip(), k, file) for k, row in enumerate(rows, 1) if row.strip())
    if not tasks:
        raise PoserError(f"{argument!r} holds no prompt; write one a line")
    return PromptFile(f"{file.name}:{len(tasks)}", tasks)

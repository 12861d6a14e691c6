"""What the harness of the field's benchmarks adds to system and judge, and how fast recorded answers are scored."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import genai_bench
from benchmarks._harness import judges, systems
from benchmarks._harness.recorded import Recorded
from benchmarks._harness.run import Job, run
from benchmarks._harness.types import Item
from benchmarks.speed.figure import Figure
from experts.poster.tasks import Deck

ITEMS, RECORDED = 24, 800


@dataclass
class Clocked:
    """A system or judge, and the seconds inside of it."""

    inner: Any
    seconds: float = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *asked: Any) -> Any:
        """What it answers."""
        begun = time.perf_counter()
        found = self.inner(*asked)
        self.seconds += time.perf_counter() - begun
        return found


def _items() -> Sequence[Item]:
    drawn = Deck("validation", "t2i").first(ITEMS, 0)
    return [Item(f"p{k}", asked.prompt, meta={"skills": []}) for k, asked in enumerate(drawn)]


def figures() -> Iterator[Figure]:
    """The embedded agent with the embedded model as judge; then recorded answers alone."""
    benchmark, items = genai_bench.BENCHMARK, tuple(_items())
    system: Any = Clocked(systems.load("poser:poster@greedy", benchmark.file))
    judge: Any = Clocked(judges.load("vqa"))
    with TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        first.mkdir()
        run(Job(benchmark, items[:2], system, judge, first))  # loads the models
        system.seconds = judge.seconds = 0.0
        whole = Path(folder) / "whole"
        whole.mkdir()
        begun = time.perf_counter()
        run(Job(benchmark, items, system, judge, whole))
        inside = system.seconds + judge.seconds
        beside = time.perf_counter() - begun - inside
        more = {"items": len(items), "inside_s": inside, "beside_s": beside}
        yield Figure("harness / (system + judge)", beside / inside, 0.0, 0.02, "time inside of both", more)
        many = tuple(Item(f"q{k}", f"prompt {k}", meta={"skills": []}) for k in range(RECORDED))
        answers = Path(folder) / "answers.jsonl"
        lines = ({"item": item.id, "key": "vqascore", "value": 0.5} for item in many)
        answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
        scored = Path(folder) / "scored"
        scored.mkdir()
        begun = time.perf_counter()
        run(Job(benchmark, many, systems.Nothing(), Recorded(answers), scored))
        took = time.perf_counter() - begun
        yield Figure(f"s to score {RECORDED} recorded items", took, 0.0, 5.0, "the limit given", {"items": RECORDED})

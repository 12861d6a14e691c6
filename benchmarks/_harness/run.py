"""The loop and the command line of every benchmark: draw, judge, add rows; go on where it was cut off; report."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks._harness import failures, judges, rows, statistics, systems
from benchmarks._harness.data import digest, safe
from benchmarks._harness.report import published, write
from benchmarks._harness.types import WHOLE, Benchmark, Drawn, Item, Judge, Row, Scored, System
from benchmarks._results import with_origin
from experts.files import write_whole
from experts.images import ImageError, open_image, png
from poser.types import PoserError

PICTURES, RESULT, PROMPTS = "pictures", "result.json", "prompts.json"


@dataclass(frozen=True)
class Job:
    """What is run: `items` for each of `seeds`; `limit_usd` ends it early."""

    benchmark: Benchmark
    items: tuple[Item, ...]
    system: System
    judge: Judge
    folder: Path
    seeds: tuple[int, ...] = (0,)
    seats: int = 8
    limit_usd: float = math.inf


def run(job: Job, on_done: Any = None) -> list[Row]:
    """All rows, those of an earlier run in the folder among them. `on_done(done, of, usd)` is told after each item.

    An item is drawn, judged and written before the next ones begin; its pictures are kept, so that another judge, or
    another program, can look at them again.
    """
    found = rows.read(job.folder)
    ready = rows.done(found)
    usd = sum(row.usd for row in found)
    of = len(job.items) * len(job.seeds)
    for seed in job.seeds:
        todo = [item for item in job.items if (item.id, seed) not in ready]
        for start in range(0, len(todo), job.seats):
            if usd >= job.limit_usd:
                return found
            group = todo[start : start + job.seats]
            for item, drawn in zip(group, _drawn(job, group, seed), strict=True):
                new = _rows(job, item, drawn, seed)
                rows.add(job.folder, new)
                found += new
                usd += new[-1].usd
                ready.add((item.id, seed))
                if on_done:
                    on_done(len(ready), of, usd)
    return found


def _kept(job: Job, item: Item, seed: int) -> Path:
    name = safe(job.benchmark.file(item, seed), f"item {item.id!r}")
    return job.folder / PICTURES / Path(name).with_suffix(".png")


def _drawn(job: Job, group: Sequence[Item], seed: int) -> list[Drawn]:
    """The system's pictures; what is on disk from before is not drawn again."""
    known = {item.id: kept for item in group if (kept := _before(_kept(job, item, seed)))}
    fresh = [item for item in group if item.id not in known]
    for item, drawn in zip(fresh, job.system(fresh, seed) if fresh else [], strict=True):
        known[item.id] = drawn
        if drawn.pictures:
            path = _kept(job, item, seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, png(drawn.pictures[-1]))
            spent = {"usd": drawn.usd, "seconds": round(drawn.seconds, 4)}
            write_whole(path.with_suffix(".json"), json.dumps(spent).encode())
    return [known[item.id] for item in group]


def _before(path: Path) -> Drawn | None:
    """What was drawn in an earlier run, whole with its cost; None where that is not there."""
    try:
        spent = json.loads(path.with_suffix(".json").read_text("utf-8"))
        return Drawn((open_image(path),), float(spent["usd"]), float(spent["seconds"]))
    except (ImageError, ValueError, KeyError, TypeError, OSError):
        return None


@dataclass
class Counted:
    """A judge that counts what it costs."""

    inner: Judge
    usd: float = 0.0

    @property
    def id(self) -> str:
        """The judge's."""
        return self.inner.id

    @property
    def kinds(self) -> Any:
        """The judge's."""
        return self.inner.kinds

    def __call__(self, asked: Sequence[Any]) -> list[Any]:
        """Same length and order."""
        found = self.inner(asked)
        self.usd += sum(answer.usd for answer in found)
        return found


def _rows(job: Job, item: Item, drawn: Drawn, seed: int) -> list[Row]:
    """The rows of one item. A system that delivered nothing scores 0 in the whole, and has no other row; an item whose
    own input picture cannot be read has no verdict. Both are written down with their reason."""
    begun, judge = time.perf_counter(), Counted(job.judge)
    if drawn.failed:
        reason = failures.unreadable(item)
        scored = [Scored(WHOLE, math.nan if reason else 0.0)]
        failures.add(job.folder, item.id, seed, reason or drawn.failed)
    else:
        scored = job.benchmark.score(item, drawn.pictures, judge, seed)
    base = Row(job.benchmark.name, item.id, item.group, item.source, seed, job.system.id, "", "", 0.0)
    made = [replace(base, question=s.question, skill=s.skill, score=float(s.score)) for s in scored]
    if not made or made[-1].question != WHOLE:
        raise PoserError(f"benchmark {job.benchmark.name}: the score of {item.id!r} does not end with the whole item's")
    took = round(drawn.seconds + time.perf_counter() - begun, 4)
    return [*made[:-1], replace(made[-1], usd=drawn.usd + judge.usd, seconds=took)]


def result(job: Job, found: Sequence[Row], data: Path, note: str = "") -> dict[str, Any]:
    """What result.json holds."""
    items = statistics.whole(found)
    score = statistics.means(items, "question").get(WHOLE)
    undecided = sum(math.isnan(row.score) for row in items)
    figures: dict[str, Any] = {
        "benchmark": job.benchmark.name,
        "system": job.system.id,
        "critics": list(job.system.critics),
        "judge": job.judge.id,
        "note": note,
        "data": digest(data),
        "items": len({row.item for row in items}),
        "of": len(job.items),
        "seeds": list(job.seeds),
        "undecided": undecided,
        "failed": failures.told(job.folder),
        "totals": job.benchmark.totals(found),
        "score": score.to_json() if score else None,
        "smallest_difference": statistics.visible(found),
        "groups": {name: e.to_json() for name, e in statistics.means(items, "group").items()},
        "skills": {name: e.to_json() for name, e in statistics.means(found, "skill").items()},
        "usd": sum(row.usd for row in items),
        "seconds": sum(row.seconds for row in items),
        "published": published(job.benchmark.name),
    }
    return with_origin(figures, job.benchmark.name)


def arguments(benchmark: Benchmark, about: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{benchmark.name}", description=about)
    parser.add_argument("--data", type=Path, required=True, help="the folder of its data (python -m benchmarks.list)")
    parser.add_argument("--system", default="poser:poster", help="poser:PRESET[@POLICY], expert:ID, folder:DIR, none")
    parser.add_argument("--preset", default="poster", help="where expert:ID comes from")
    parser.add_argument("--judge", required=True, help="vqa:MODEL, chat:MODEL, clip:MODEL, recorded:FILE")
    parser.add_argument("--judge-config", type=Path, help="more settings of the judge, YAML")
    parser.add_argument("--allow-same-family", action="store_true", help="let a judge of the critic's family judge")
    parser.add_argument("--out", type=Path, required=True, help="rows, result, report, pictures; goes on where it was")
    parser.add_argument("--limit", type=int, help="the first so many items")
    parser.add_argument("--seeds", type=int, default=1, help="pictures an item")
    parser.add_argument("--seats", type=int, default=8, help="items at once")
    parser.add_argument(
        "--max-usd", type=float, default=math.inf, help="stop when so much is spent; run again to go on"
    )
    parser.add_argument("--json", action="store_true", help="print result.json")
    return parser


def _settings(path: Path | None) -> Mapping[str, Any]:
    import yaml

    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise PoserError(f"{path}: {' '.join(str(error).split()):.120}") from None
    if not isinstance(found, dict):
        raise PoserError(f"{path}: holds no settings; write 'key: value' lines")
    return found


def main(benchmark: Benchmark, argv: Sequence[str] | None = None, about: str | None = None) -> int:
    """Runs a benchmark from its command line. 0: done, 1: ended early by --max-usd, 2: bad input, 130: interrupted."""
    asked = arguments(benchmark, about).parse_args(argv)
    try:
        job, note = _job(benchmark, asked)
        write_whole(job.folder / PROMPTS, json.dumps({item.id: item.prompt for item in job.items}).encode())
        with _progress(job) as told:
            found = run(job, told)
    except (PoserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on in {asked.out}", file=sys.stderr)
        return 130
    figures = result(job, found, asked.data, note)
    write_whole(job.folder / RESULT, (json.dumps(figures, indent=1) + "\n").encode())
    write(job.folder, figures, found, {item.id: item for item in job.items}, lambda i, s: _kept(job, i, s))
    print(json.dumps(figures) if asked.json else shown(figures, job.folder))
    return 0 if figures["items"] == figures["of"] else 1


def _job(benchmark: Benchmark, asked: argparse.Namespace) -> tuple[Job, str]:
    items = benchmark.tasks(asked.data)[: asked.limit]
    judge = judges.load(asked.judge, _settings(asked.judge_config))
    lacking = sorted(benchmark.kinds - judge.kinds)
    if lacking:
        raise PoserError(
            f"{benchmark.name} asks its judge for {lacking[0]!r}; {judge.id!r} answers {sorted(judge.kinds)}"
        )
    asked.out.mkdir(parents=True, exist_ok=True)
    system = systems.load(asked.system, benchmark.file, asked.preset, asked.out / "cache")
    note = judges.refuse_same(judge, system.critics, asked.allow_same_family)
    _same_run(asked.out, {"benchmark": benchmark.name, "system": system.id, "judge": judge.id})
    seeds = tuple(range(max(1, asked.seeds)))
    return Job(benchmark, tuple(items), system, judge, asked.out, seeds, max(1, asked.seats), asked.max_usd), note


def _same_run(folder: Path, own: Mapping[str, str]) -> None:
    """Rows of another run are not mixed in. Raises `PoserError`."""
    path = folder / "run.json"
    if path.is_file():
        try:
            known = json.loads(path.read_text("utf-8"))
        except ValueError:
            known = {}
        for name, value in own.items():
            if known.get(name, value) != value:
                raise PoserError(f"{folder} holds a run with {name} {known[name]!r}; choose another --out")
    write_whole(path, json.dumps(dict(own)).encode())


class _progress:
    """Counts on the terminal: done, time left, cost so far; silent where there is no terminal."""

    def __init__(self, job: Job) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self.bar = Progress(
            *columns, TextColumn("{task.fields[usd]}"), console=console, disable=not console.is_terminal
        )
        self.task = self.bar.add_task(job.benchmark.name, total=len(job.items) * len(job.seeds), usd="")

    def __enter__(self) -> Any:
        self.bar.start()
        return lambda done, of, usd: self.bar.update(self.task, completed=done, usd=f"{usd:.2f} USD" if usd else "")

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


def shown(figures: Mapping[str, Any], folder: Path) -> str:
    """The result in a few lines."""
    return "\n".join(_lines(figures, folder))


def _lines(figures: Mapping[str, Any], folder: Path) -> Iterator[str]:
    yield f"{figures['benchmark']}: {figures['items']} of {figures['of']} items; system {figures['system']}"
    yield f"judge {figures['judge']}" + (f" ({figures['note']})" if figures["note"] else "")
    width = max([len(name) for name in figures["totals"]] or [0])
    for name, value in figures["totals"].items():
        yield f"  {name:<{width}}  {'–' if value is None else f'{value:.4f}'}"
    score = figures["score"]
    if score and score["low"] is not None:
        yield f"  item score {score['mean']:.3f}, 95 % interval [{score['low']:.3f}, {score['high']:.3f}]"
    if figures["smallest_difference"] is not None:
        yield f"  a paired difference below {figures['smallest_difference']:.3f} would not be seen"
    if figures["failed"]["count"]:
        yield f"  {figures['failed']['count']} items without a picture; the first: {figures['failed']['first'][0]}"
    if figures["undecided"]:
        yield f"  {figures['undecided']} items without a verdict"
    yield f"report: {folder / 'report.html'}"

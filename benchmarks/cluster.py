"""Models in workers of a Ray cluster of two nodes here: `python -m benchmarks.cluster [--part NAME] [--save]`.

Equal pictures, throughput, what a call costs, what kills cost. Each part is kept in docs/results/cluster.json beside
the others. Everything is on loopback, and nothing of it is left running.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks._results import RESULTS, command_line, load, number, publish, table, with_origin
from benchmarks.reliability import world
from experts.types import Job, Request, image_digest
from poser.agent import Poser
from poser.learning.tasks import load as tasks_of
from poser.rollout import rollout
from tests.experts.loopback import Loopback
from tests.poser.cluster.loopback import cluster

CPUS = 0.5
"""What a worker takes of a node of two CPUs, so that four find room; each computes with one thread."""
PAID = (
    "  paid: {family: compatible, model: m, base_url: URL/v1, key: CLUSTER_KEY, card: {mode: text-to-image, "
    "description: Paid., usd: 0.04, min_side: 16, multiple: 1}}"
)
SLOW = """
import time
from experts.fake import FakeExpert

class Slow(FakeExpert):
    def __call__(self, requests):
        time.sleep(self.seconds * len(requests))
        return [self._one(request, self.seconds) for request in requests]

def load(settings, context):
    return Slow(context.card, settings["seconds"])
"""
"""An expert that takes as long for each picture as it is told."""


def _far(preset: Any, address: str, workers: int, **engine: Any) -> Poser:
    places = [{"replicas": workers, "cpus": CPUS}, {"critic": True, "replicas": workers, "cpus": 0}]
    data = {"name": "ray", "address": address, "places": places, **engine}
    return Poser.from_pretrained(preset, overrides={"engine": data})


@contextlib.contextmanager
def _ended(agent: Poser) -> Iterator[Poser]:
    try:
        yield agent
    finally:
        agent.close(0)
        time.sleep(1)  # until its room is free


def equal(address: str, episodes: int = 64) -> dict[str, Any]:
    """Episodes of the embedded preset, in this process and with 1, 2 and 4 workers: choices, pictures, scores."""
    tasks = tasks_of("poster:validation").first(episodes)

    def played(agent: Poser) -> tuple[list[Any], float]:
        start = time.perf_counter()
        found = dict(rollout(agent.mdp, agent.policy, tasks, seats=32))
        rows = []
        for k in range(len(tasks)):
            for step in found[k].steps:
                image, said = step.result and step.result.image, step.critique
                scores = repr((said.wanted, said.earlier, said.kept)) if said else ""
                rows.append(((k, str(step.action)), image_digest(image) if image else str(step.result), scores))
        return rows, time.perf_counter() - start

    local, seconds = played(Poser.from_pretrained("poster"))
    figures: dict[str, Any] = {"episodes": len(tasks), "steps": len(local), "seconds": {"here": round(seconds, 1)}}
    for workers in (1, 2, 4):
        with _ended(_far("poster", address, workers)) as agent:
            rows, seconds = played(agent)
        same = [
            sum(a[k] == b[k] for a, b in zip(local, rows, strict=False)) if len(local) == len(rows) else 0
            for k in range(3)
        ]
        figures[str(workers)] = dict(zip(("choices", "pictures", "scores"), same, strict=True))
        figures["seconds"][str(workers)] = round(seconds, 1)
    return figures


def throughput(address: str, pictures: int = 64, seconds: float = 0.25) -> dict[str, Any]:
    """Pictures a second of an expert that waits `seconds` for each, with 1, 2 and 4 workers, groups cut over them."""
    figures: dict[str, Any] = {"pictures": pictures, "seconds_a_picture": seconds}
    with tempfile.TemporaryDirectory() as folder:
        preset = world.preset(Path(folder), seconds)
        (Path(folder) / "expert.py").write_text(SLOW)
        for workers in (1, 2, 4):
            with _ended(_far(preset, address, workers, reproducible=False)) as agent:
                agent.mdp.pool.run(_jobs(workers))
                start = time.perf_counter()
                made = agent.mdp.pool.run(_jobs(pictures, 1000))
                figures[str(workers)] = round(pictures / (time.perf_counter() - start), 2)
                assert all(result.image for result in made)
    return figures


def _jobs(count: int, seed: int = 0, expert: str = "draw-1") -> list[Job]:
    return [Job(expert, Request(f"picture {seed + k}", seed=seed + k, size=(32, 32))) for k in range(count)]


def calls(address: str, repeats: int = 40) -> dict[str, Any]:
    """Milliseconds of a call with one picture in and one out, here and over Ray, by side; and what beginning costs."""
    figures: dict[str, Any] = {"repeats": repeats, "here_ms": {}, "ray_ms": {}, "overhead_ms": {}}
    with tempfile.TemporaryDirectory() as folder:
        preset = world.preset(Path(folder))
        here = Poser.from_pretrained(preset)
        start = time.perf_counter()
        with _ended(_far(preset, address, 1)) as far:
            figures["workers_begin_s"] = round(time.perf_counter() - start, 2)
            for side in (96, 512, 1024):
                noise = Image.effect_noise((side, side), 64).convert("RGB")
                kinds: dict[str, list[float]] = {"here_ms": [], "ray_ms": []}
                for k in range(repeats):
                    for kind, agent in (("here_ms", here), ("ray_ms", far)):
                        picture = noise.copy()
                        picture.putpixel((0, 0), (k % 256, 0, 0))
                        start = time.perf_counter()
                        (result,) = agent.mdp.pool.run([Job("tint-1", Request("x", (picture,), seed=k))])
                        kinds[kind].append(1000 * (time.perf_counter() - start))
                        assert result.image is not None
                for kind, values in kinds.items():
                    figures[kind][str(side)] = round(statistics.median(values), 2)
                figures["overhead_ms"][str(side)] = round(
                    figures["ray_ms"][str(side)] - figures["here_ms"][str(side)], 2
                )
    with _ended(_far("poster", address, 1)) as far:
        figures["experts"] = {}
        for id, entry in far.registry.items():
            images = (Image.new("RGB", (96, 96), "red"),) if entry.card.mode == "image-to-image" else ()
            times = []
            for seed in range(4):
                start = time.perf_counter()
                far.mdp.pool.run([Job(id, Request("a red star in the center", images, size=(96, 96), seed=seed))])
                times.append(time.perf_counter() - start)
            usual = statistics.median(times[1:])
            figures["experts"][id] = {"first_s": round(times[0], 3), "call_s": round(usual, 3)}
            figures["experts"][id]["load_s"] = round(times[0] - usual, 3)
    return figures


def kills(address: str, calls: int = 200, every: int = 20) -> dict[str, Any]:
    """Calls of an expert on two workers and of a paid service beside it, a worker killed in every 20th."""
    os.environ["CLUSTER_KEY"] = key = "a-key-of-this-benchmark-0000"
    with tempfile.TemporaryDirectory() as folder, Loopback(key=key) as server:
        preset = world.preset(Path(folder), 0.05)
        preset.write_text(preset.read_text().replace("critic:", PAID.replace("URL", server.url) + "\ncritic:"))
        here = Poser.from_pretrained(preset)
        whole = [image_digest(result.image) for result in here.mdp.pool.run(_jobs(calls)) if result.image]
        with _ended(_far(preset, address, 2, restarts=1000, timeout=120)) as agent:
            assert agent.joined is not None
            workers = agent.joined.workers[:2]
            lost, same, killed = 0, 0, 0
            for k in range(calls):
                timer = None
                if k % every == every - 1:
                    watch = workers[killed % 2].handle.process.options(max_task_retries=-1)
                    process = agent.joined.replicas._ray.get(watch.remote())
                    timer = threading.Timer(0.02, os.kill, (process, signal.SIGKILL))
                    killed += 1
                    timer.start()
                made, paid = agent.mdp.pool.run([*_jobs(1, k), *_jobs(1, k, "paid")])
                lost += (made.image is None) + (paid.image is None)
                same += made.image is not None and image_digest(made.image) == whole[k]
                if timer:
                    timer.join()
            again = agent.joined.replicas.retried
        book = server.settled(calls)
        return {"calls": calls, "killed": killed, "retried": again, "lost": lost, "equal": same} | {
            "paid": book.bought,
            "paid_twice": book.bought - calls,
        }


def drivers(address: str, lines: int = 200, killed: int = 10, seed: int = 0) -> dict[str, Any]:
    """`poser batch` over two driver shards, its driver killed at random moments and begun again; then compared with a
    batch in one process that nobody killed."""
    draws, ends = random.Random(seed), list[int]()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        preset, file = world.preset(folder / "world", 0.2), folder / "prompts.jsonl"
        file.write_text("".join(json.dumps({"prompt": world.PROMPT, "seed": k}) + "\n" for k in range(lines)))
        words = [sys.executable, "-m", "poser", "batch", str(file), "--preset", str(preset), "--quiet", "--seats", "8"]
        places = f"engine.places=[{{replicas: 2, cpus: {CPUS}}}, {{critic: true, cpus: {CPUS}}}]"
        far = ["--engine", "ray", "--set", f"engine.address={address}", "--set", places, "--set", "engine.shards=2"]
        subprocess.run([*words, "--out", str(folder / "here")], check=True, capture_output=True)
        record = folder / "far" / "results.jsonl"
        for count in itertools.count():
            process = subprocess.Popen([*words, *far, "--out", str(folder / "far")], stderr=subprocess.DEVNULL)
            before = _lines(record)
            while process.poll() is None and _lines(record) < before + draws.randint(1, lines // (killed + 2)):
                time.sleep(0.02)
            if count < killed and process.poll() is None:
                process.kill()
            ends.append(process.wait())
            if ends[-1] == 0 or count > 3 * killed:
                break
        rows = [_rows(folder / name) for name in ("here", "far")]
        same = sum(rows[0][id] == rows[1].get(id) for id in rows[0])
        twice = _lines(record) - len(rows[1])
        return {
            "lines": lines,
            "killed": sum(end == -9 for end in ends),
            "ended": ends[-1],
            "equal": same,
            "twice": twice,
        }


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _rows(folder: Path) -> dict[str, Any]:
    """What came of each line, times apart, with the digest of its picture."""
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds"), row.update(image=image_digest(Image.open(folder / row["picture"])))
    return {row["id"]: row for row in rows}


def impossible(address: str) -> dict[str, Any]:
    """Seconds until `poser doctor --engine` and `poser run` say that a place cannot be met, in this process."""
    from poser.cli import main

    figures: dict[str, Any] = {}
    more = ["--set", f"engine.address={address}", "--set", "engine.places=[{gpus: 1}]"]
    for name, words in (
        ("doctor", ["doctor", "--engine"]),
        ("run", ["run", "A red star.", "--engine", "ray", "--quiet"]),
    ):
        said = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
        ):
            start = time.perf_counter()
            code = main([*words, *more, *(["--out", folder + "/run"] if name == "run" else [])])
            figures[name] = {"seconds": round(time.perf_counter() - start, 2), "code": code}
        figures["line"] = next(line for line in said.getvalue().splitlines() if "asks for" in line)
    return figures


PARTS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "impossible": impossible,
    "calls": calls,
    "throughput": throughput,
    "kills": kills,
    "drivers": drivers,
    "equal": equal,
}


def page(found: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [row for name in PARTS if name in found for row in _told(name, found[name])]
    return table(["what", "reach", "measured"], rows) + f"\n\n`{found['command']}`"


def _told(name: str, part: Mapping[str, Any]) -> Sequence[list[str]]:
    if name == "equal":
        of = part["steps"]
        counts = "; ".join(
            f"{n}: {part[n]['choices']}, {part[n]['pictures']}, {part[n]['scores']}" for n in ("1", "2", "4")
        )
        what = f"{part['episodes']} episodes, {of} steps, with 1, 2, 4 workers: equal choices, pictures, scores"
        return [[what, "all", counts]]
    if name == "throughput":
        two, four = (number(part[n] / part["1"]) for n in ("2", "4"))
        return [
            [
                "pictures a second, waiting experts, 2 and 4 workers over 1",
                "1.9 and 3.6 times",
                f"{two} and {four} times",
            ]
        ]
    if name == "calls":
        more = f"{number(part['ray_ms']['1024'], 1)} ms, here {number(part['here_ms']['1024'], 1)} ms"
        over = number(part["overhead_ms"]["1024"], 1)
        return [["a call with a picture of 1,024 px in and one out: what Ray adds", "25 ms", f"{over} ms ({more})"]]
    if name == "kills":
        what = f"{part['calls']} calls and as many paid ones, a worker killed in every 20th: lost, paid twice, same"
        return [[what, f"0, 0, {part['calls']}", f"{part['lost']}, {part['paid_twice']}, {part['equal']}"]]
    if name == "drivers":
        what = f"a batch of {part['lines']} over 2 driver shards, its driver killed {part['killed']} times: same, twice"
        return [[what, f"{part['lines']}, 0", f"{part['equal']}, {part['twice']}"]]
    seconds = ", ".join(f"{kind} {number(part[kind]['seconds'])} s" for kind in ("doctor", "run"))
    return [["a place that cannot be met is one line", "5 s", seconds]]


def main(argv: list[str] | None = None) -> int:
    """Runs a part, or all; prints, perhaps saves."""
    parser = command_line("cluster", __doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one, repeatable")
    asked = parser.parse_args(argv)
    known = load("cluster") if (RESULTS / "cluster.json").is_file() else {}
    with cluster() as found:
        for name in asked.part or PARTS:
            known[name] = with_origin(PARTS[name](found.address), "cluster")
            print(json.dumps(known[name]), file=sys.stderr, flush=True)
    figures = with_origin({}, "cluster") | {"command": "python -m benchmarks.cluster"}
    return publish(asked, "cluster", figures | {name: known[name] for name in PARTS if name in known}, page)


if __name__ == "__main__":
    sys.exit(main())

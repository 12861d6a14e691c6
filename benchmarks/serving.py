"""`poser serve` under load on this machine: 200 requests, 32 at once, a burst beyond its queue, and one by one.

Every answer is 200, or 429 with a Retry-After; whoever waits as told is counted. Each request has a seed of its own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks._results import command_line, number, publish, table, with_origin

PROMPT = "A red poster with a big white star at the center. Add a small black heart at the top left."
SEATS, BACKLOG = 16, 32


def _rss(process: int) -> int:
    """Resident memory of a process, MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))


class Client:
    """Asks the server, and counts."""

    def __init__(self, base: str) -> None:
        import httpx2

        self._http = httpx2.Client(base_url=base, timeout=300, limits=httpx2.Limits(max_connections=128))
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()

    def ask(self, seed: int) -> tuple[int, float, int]:
        """(status, seconds, Retry-After) of one request."""
        began = time.perf_counter()
        try:
            answer = self._http.post("/v1/images/generations", json={"prompt": PROMPT, "seed": seed})
            status, wait = answer.status_code, int(answer.headers.get("retry-after", 0))
        except Exception as error:
            status, wait = -1, 0
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        with self._lock:
            self.answers[str(status)] += 1
        return status, time.perf_counter() - began, wait

    def patient(self, seed: int) -> int:
        """How often it had to ask until it got a picture; 0: it never did."""
        for tries in range(1, 9):
            status, _, wait = self.ask(seed)
            if status == 200:
                return tries
            if status != 429 or not wait:
                return 0
            time.sleep(wait)
        return 0

    def first_step(self, seed: int) -> float:
        """Seconds until a stream shows its first step."""
        body = {"prompt": PROMPT, "seed": seed, "stream": True, "partial_images": 1}
        began = time.perf_counter()
        with self._http.stream("POST", "/v1/images/generations", json=body) as answer:
            next(answer.iter_raw())
            return time.perf_counter() - began


def _many(work: Callable[[int], Any], seeds: Sequence[int], at_once: int) -> tuple[list[Any], float]:
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, seeds)), time.perf_counter() - began


def measure(requests: int) -> dict[str, Any]:
    """The figures: seconds, pictures a second, MiB."""
    command = [sys.executable, "-m", "poser", "serve", "--port", "0", "--seats", str(SEATS), "--backlog", str(BACKLOG)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "listening on" in line)
        threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True).start()
        client = Client(said.split("listening on ")[1].split(" ")[0])
        loading = client.ask(1_000_000)[1]
        steps = [client.first_step(1_000_001 + k) for k in range(4)]
        before = _rss(process.pid)
        _, alone = _many(client.ask, range(2_000_000, 2_000_016), 1)
        _, together = _many(client.ask, range(3_000_000, 3_000_016), 16)
        client.answers.clear()
        rows, seconds = _many(client.ask, range(requests), 32)
        load = dict(client.answers)
        client.answers.clear()
        tries, _ = _many(client.patient, range(4_000_000, 4_000_080), 80)
        times = sorted(row[1] for row in rows)
        return {
            "loading": round(loading, 2),
            "first_step": round(statistics.median(steps), 2),
            "sixteen": {"one_by_one": round(16 / alone, 2), "at_once": round(16 / together, 2)},
            "speedup": round(alone / together, 2),
            "load": {"requests": requests, "at_once": 32, "answers": load, "seconds": round(seconds, 1)}
            | {"median": round(times[len(times) // 2], 2), "p95": round(times[int(0.95 * len(times))], 2)},
            "burst": {"requests": 80, "answers": dict(client.answers), "tries": dict(Counter(map(str, tries)))},
            "memory_mib": {"before": before, "after": _rss(process.pid)},
        }
    finally:
        process.terminate()
        process.wait(60)


def page(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    sixteen, load, burst, memory = found["sixteen"], found["load"], found["burst"], found["memory_mib"]
    said = ", ".join(f"{count} x {status}" for status, count in sorted(load["answers"].items()))
    sent = ", ".join(f"{count} x {status}" for status, count in sorted(burst["answers"].items()))
    tries = ", ".join(f"{count} after {n}" for n, count in sorted(burst["tries"].items()))
    rows = [
        ["first picture, with loading", f"{number(found['loading'])} s"],
        ["first step of a stream, loaded", f"{number(found['first_step'])} s"],
        ["16 requests one by one", f"{number(sixteen['one_by_one'])} pictures a second"],
        ["16 requests at once", f"{number(sixteen['at_once'])} pictures a second ({number(found['speedup'])} times)"],
        [f"{load['requests']} requests, {load['at_once']} at once", f"{said}; {number(load['seconds'], 1)} s"],
        ["their time, median and 95 %", f"{number(load['median'])} s, {number(load['p95'])} s"],
        [f"{burst['requests']} at once, who wait as they are told", f"{sent}; pictures: {tries} tries"],
        ["memory before and after all", f"{memory['before']} and {memory['after']} MiB"],
    ]
    return table(["what", "measured"], rows) + f"\n\n`{found['command']}`"


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("serving", __doc__)
    parser.add_argument("--requests", type=int, default=200)
    asked = parser.parse_args(argv)
    return publish(asked, "serving", with_origin(measure(asked.requests), "serving"), page)


if __name__ == "__main__":
    sys.exit(main())

"""Full-size architectures with random weights through `poser run` on the CPU: weights, and the most that a run takes.

`python -m benchmarks.full_size [--part sd-1.5|sdxl ...] [--json] [--save]`. Weights are written in bfloat16 to a
temporary folder (SDXL: 7 GB), removed afterwards, and computed in float32, which most CPUs do 50 times as fast: a run
of SDXL needs 16 GB of RAM. One step, two of the sampler, 256 x 256 px: pictures are noise, what is measured is memory.
On a GPU: `python -m benchmarks.speed --part gpu`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks._results import command_line, load, publish, table, with_origin
from benchmarks.speed.gpu import full, pipeline
from experts.local import sdxl, stable_diffusion
from experts.memory import GIB, module_bytes

MODELS = {"sd-1.5": ("sd15", stable_diffusion.MODELS["sd-1.5"]), "sdxl": ("sdxl", sdxl.MODELS["sdxl"])}
"""Expert -> its name in `speed.gpu.EXPERTS`, its entry."""
SIDE, STEPS = 256, 2
PROMPT = "a big red star"


def written(name: str, folder: Path) -> int:
    """Writes the pipeline below the folder, in bfloat16; returns the bytes of its weights."""
    pipe = pipeline(name, full)
    pipe.save_pretrained(folder)
    bytes = module_bytes(part for part in pipe.components.values() if hasattr(part, "parameters"))
    del pipe
    gc.collect()  # a pipeline holds itself in circles, and the run needs this memory
    return bytes


def run(experts: Mapping[str, Any] | Sequence[str], folder: Path) -> dict[str, Any]:
    """`poser run` in a process of its own: its exit code, seconds, most memory at once (GiB), the calls it made."""
    settings: dict[str, Any] = {"extends": "poster", "experts": experts}
    if isinstance(experts, Mapping):
        settings |= {"wording": "plain", "size": [SIDE, SIDE]}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings), "utf-8")
    command = [sys.executable, "-m", "poser", "run", PROMPT, "--preset", str(config), "--max-steps", "1", "--json"]
    start = time.monotonic()
    with subprocess.Popen([*command, "--out", str(folder / "run")], stdout=subprocess.PIPE, text=True) as process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if not printed:
        raise OSError(f"poser run ended with {process.returncode} and said nothing: free more memory")
    told = json.loads(printed)
    seconds, peak = time.monotonic() - start, used.ru_maxrss * 1024 / GIB
    return {"exit": process.returncode, "seconds": round(seconds, 1), "peak_gib": round(peak, 2), "told": told}


def figures(parts: Sequence[str]) -> dict[str, Any]:
    """Each model's weights and peak beside its card, and the peak of a run of the embedded experts alone."""
    found: dict[str, Any] = {"side": SIDE, "steps": STEPS, "models": {}}
    with tempfile.TemporaryDirectory() as place:
        found["bare_gib"] = run(["poster-sd"], Path(place))["peak_gib"]
    for id in parts:
        name, entry = MODELS[id]
        with tempfile.TemporaryDirectory() as place:
            weights = written(name, Path(place) / "weights")
            card = {"min_side": SIDE, "params": {"steps": STEPS}}
            own = {"like": id, "weights": str(Path(place) / "weights"), "card": card, "load": {"dtype": "float32"}}
            made = run({id: own}, Path(place))
        made.pop("told")
        sizes = {"weights_gib": round(weights / GIB, 2), "declared_gib": entry["card"]["vram_gib"]}
        origin = {"commit": with_origin({}, "full_size")["commit"]}
        row = {**sizes, "in_float32_gib": round(2 * weights / GIB, 2), **made, **origin}
        found["models"][id] = row
        print(id, json.dumps(row), file=sys.stderr, flush=True)
    return found


def page(found: Mapping[str, Any]) -> str:
    """A row a model."""
    columns = ("weights_gib", "declared_gib", "in_float32_gib", "peak_gib", "seconds")
    rows = [[f"`{id}`", *(f"{row[name]:.1f}" for name in columns)] for id, row in found["models"].items()]
    heads = ["`python -m benchmarks.full_size`", "weights in bfloat16, GiB", "card declares, GiB", "in float32, GiB"]
    heads += ["run in float32 at most, GiB", "run, s"]
    side = found["side"]
    bare = f"{side} x {side} px on the CPU; a run of a small expert alone takes {found['bare_gib']:.2f} GiB at most."
    return f"{table(heads, rows)}\n\n{bare}"


def main(argv: list[str] | None = None) -> int:
    """Measures, prints, perhaps saves."""
    parser = command_line("full_size", __doc__)
    parser.add_argument("--part", action="append", choices=list(MODELS), help="only this model; may be given twice")
    asked = parser.parse_args(argv)
    found = with_origin(figures(asked.part or list(MODELS)), "full_size")
    if asked.save and asked.part:  # the models that were not run stay in the file, with what they were measured by
        with contextlib.suppress(FileNotFoundError):
            found["models"] = load("full-size")["models"] | found["models"]
    return publish(asked, "full-size", found, page)


if __name__ == "__main__":
    sys.exit(main())

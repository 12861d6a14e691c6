"""The one training loop of the poster world: AdamW, warm-up and cosine, EMA, checkpoint, resume, log."""

from __future__ import annotations

import copy
import json
import math
import os
import platform
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from rich.progress import Progress

FOLDER = Path(os.environ.get("POSER_TRAIN_DIR", ".train"))
"""Checkpoints of unfinished trainings; not committed."""
LOGS = Path(__file__).parent / "logs"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    `rate` is AdamW's peak learning rate, reached after `warmup` steps and annealed by a cosine to `floor` x rate.
    `ema` is the decay of the averaged weights, which are the ones evaluated and saved; 0 keeps the raw ones.
    """

    steps: int
    batch: int
    rate: float
    floor: float = 0.02
    warmup: int = 100
    decay: float = 0.0
    ema: float = 0.999
    evaluate_every: int = 1000
    seed: int = 0
    clip: float = 1.0


class Job(Protocol):
    """One thing to train."""

    name: str
    schedule: Schedule
    module: torch.nn.Module

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """The loss of one fresh batch (a scalar); all randomness but the noise on tensors comes from `rng`."""
        ...

    def evaluate(self, module: torch.nn.Module) -> dict[str, float]:
        """Named figures of `module` on validation data."""
        ...

    def save(self, module: torch.nn.Module) -> None:
        """Writes the trained weights where the adapter finds them."""
        ...


def device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def rate_at(step: int, schedule: Schedule) -> float:
    """Learning rate at `step`: linear warm-up, then half a cosine."""
    if step < schedule.warmup:
        return schedule.rate * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return schedule.rate * (schedule.floor + (1 - schedule.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _write(path: Path, state: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def fit(job: Job, fresh: bool = False, checkpoint_seconds: float = 60.0) -> dict[str, float]:
    """Trains `job` to the end of its schedule, from its checkpoint where there is one.

    Ctrl-C (or SIGTERM) writes a checkpoint and stops; the same command goes on from it. Returns the last evaluation.
    """
    plan, where = job.schedule, device()
    module = job.module.to(where)
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=plan.rate, betas=(0.9, 0.99), weight_decay=plan.decay)
    average = copy.deepcopy(module).requires_grad_(False).eval()
    path, log = FOLDER / job.name / "checkpoint.pt", LOGS / f"{job.name}.jsonl"
    step, seconds, rows = 0, 0.0, []
    if path.exists() and not fresh:
        state = torch.load(path, map_location=where, weights_only=True)
        module.load_state_dict(state["module"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, seconds, rows = state["step"], state["seconds"], json.loads(state["rows"])
        torch.set_rng_state(state["torch_rng"].cpu())
        rng.bit_generator.state = json.loads(state["rng"])
    if not rows:
        rows.append(
            {"job": job.name, "schedule": asdict(plan), "parameters": sum(p.numel() for p in trained)}
            | {"torch": torch.__version__, "device": str(where), "threads": torch.get_num_threads()}
            | {"python": platform.python_version()}
        )

    def checkpoint() -> None:
        state = {"module": module.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        state |= {"step": step, "seconds": seconds, "rows": json.dumps(rows), "torch_rng": torch.get_rng_state()}
        state |= {"rng": json.dumps(rng.bit_generator.state)}
        _write(path, state)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    bar = Progress(transient=True)
    counted = bar.add_task(job.name, total=plan.steps, completed=step)
    bar.start()
    module.train()
    last, saved, smooth, figures = time.monotonic(), time.monotonic(), None, {}
    try:
        while step < plan.steps:
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step, plan)
            loss = job.loss(rng)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, plan.clip)
            optimizer.step()
            step += 1
            keep = min(plan.ema, (1 + step) / (10 + step)) if plan.ema else 0.0
            with torch.no_grad():
                for slow, quick in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
                    slow.lerp_(quick, 1 - keep) if slow.is_floating_point() else slow.copy_(quick)
            value = float(loss.detach())
            smooth = value if smooth is None else 0.98 * smooth + 0.02 * value
            bar.advance(counted)
            now = time.monotonic()
            seconds, last = seconds + now - last, now
            if step % plan.evaluate_every == 0 or step == plan.steps:
                with torch.no_grad():
                    figures = job.evaluate(average)
                rows.append({"step": step, "seconds": round(seconds, 1), "loss": round(smooth, 5)} | figures)
                print(json.dumps(rows[-1]), file=sys.stderr)
                last = time.monotonic()
            if now - saved > checkpoint_seconds:
                checkpoint()
                saved = time.monotonic()
    except KeyboardInterrupt:
        checkpoint()
        bar.stop()
        raise
    checkpoint()
    bar.stop()
    LOGS.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job.save(average)
    return figures

"""What learning costs: seconds and expert calls of a training run, with an empty cache and again with a full one.

`python -m benchmarks.learning [--calls 3000] [--json] [--save]`. The second pass makes the same decisions, so every
picture and every answer is found; its weights must be the first's. What is learned is measured in the critic's eyes on
held-out tasks; what it is worth by the exact reader is the ladder's business.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._results import command_line, publish, with_origin
from poser.agent import Poser
from poser.learned import policy_file, skills
from poser.learning import probe
from poser.learning.tasks import load
from poser.learning.train import LOG, SKILL_SCORES, Setting, train
from poser.learning.train_config import DQN, TrainConfig

SHARE = 0.9
"""Of the final return: when has a run learned most of what it will."""


def learn(
    preset: str, config: TrainConfig, cache: Path, folder: Path, n_eval_tasks: int, eval_freq: int
) -> dict[str, Any]:
    """Probe and training from nothing but `cache`; seconds of both, the log, and the weights' sha256."""
    began = time.monotonic()
    poser = Poser.from_pretrained(preset, policy="random", overrides={"cache": str(cache)})
    tasks, eval_tasks = load("poster:train"), load("poster:validation")
    made = [0]
    skill_scores = probe.probe(poser.mdp, tasks, on_call=lambda _, whole: made.__setitem__(0, whole))
    probed = time.monotonic()
    setting = Setting.of(poser, tasks, eval_tasks, skill_scores, n_eval_tasks=n_eval_tasks, eval_freq=eval_freq)
    shutil.rmtree(folder, ignore_errors=True)
    train(setting, config, folder)
    skills.save(skill_scores, folder / SKILL_SCORES, {"critic": poser.mdp.critic.id, "tasks": tasks.id})
    rows = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    about, _ = policy_file.load(folder)
    seconds = {"probe": round(probed - began, 1), "training": round(time.monotonic() - probed, 1)}
    return {"seconds": seconds, "probe_calls": made[0], "log": rows, "sha256": about["sha256"], "about": about}


def reached(rows: list[dict[str, Any]]) -> int:
    """Expert calls after which the held-out return has come to `SHARE` of the last one, as measured along the way."""
    return next(row["calls"] for row in rows if row["returns"] >= SHARE * rows[-1]["returns"])


def page(found: Mapping[str, Any]) -> str:
    """What a training run costs, in sentences."""
    empty, full = (sum(found[f"seconds_{cache}_cache"].values()) for cache in ("empty", "full"))
    same = "the same weights" if found["same_weights"] else "OTHER WEIGHTS"
    error, steps = found["calibration"]["error"], found["calibration"]["steps"]
    return (
        f"A run of {found['calls']} expert calls (and {found['probe_calls']} of the probe) takes {empty / 60:.1f} "
        f"minutes with an empty cache and {full / 60:.1f} with a full one, on one CPU core, and ends with {same} both "
        f"times. 90 % of the final held-out return is reached within {found['calls_to_90_percent']} calls. Predicted "
        f"and realised returns, scaled to [0, 1], differ by {error:.3f} on average (expected calibration error, "
        f"{steps} steps). `python -m benchmarks.learning` reproduces this."
    )


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("learning", __doc__)
    parser.add_argument("--preset", default="poster")
    parser.add_argument("--calls", type=int, default=DQN.total_timesteps)
    parser.add_argument("--tasks", type=int, default=64, help="held-out tasks of a measurement")
    parser.add_argument("--every", type=int, default=300, help="calls between two measurements")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/learning"))
    asked = parser.parse_args(argv)
    shutil.rmtree(asked.folder, ignore_errors=True)
    config = DQN.model_copy(update={"total_timesteps": asked.calls, "seed": asked.seed})
    first, second = (
        learn(asked.preset, config, asked.folder / "cache", asked.folder / name, asked.tasks, asked.every)
        for name in ("first", "second")
    )
    figures = {
        "calls": asked.calls,
        "probe_calls": first["probe_calls"],
        "seconds_empty_cache": first["seconds"],
        "seconds_full_cache": second["seconds"],
        "same_weights": first["sha256"] == second["sha256"],
        "calls_to_90_percent": reached(first["log"]),
        "calibration": first["about"]["calibration"],
        "log": first["log"],
        "train_config": config.model_dump(),
    }
    return publish(asked, "learning", with_origin(figures, "learning"), page)


if __name__ == "__main__":
    sys.exit(main())

"""Searches settings of the training with optuna: the best held-out return of few calls, worse trials cut short.

python examples/training/search.py [TRIALS] [CALLS] [FOLDER]: asked again with the same folder, it goes on.
"""

import sys
from pathlib import Path
from typing import Any

import optuna

from poser.agent import Poser
from poser.learned import skills
from poser.learning.tasks import load
from poser.learning.train import Setting, train
from poser.learning.train_config import DQN
from poser.policies.dqn import SHIPPED


def main(trials: int = 20, calls: int = 1500, folder: Path = Path("runs/search")) -> None:
    """Runs so many trials of so many expert calls; `study.db` and every policy stay in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    poser = Poser.from_pretrained("poster", policy="random", overrides={"cache": str(folder / "cache")})
    scores = skills.load(SHIPPED / "poster" / "skill_scores.json")  # measured once, for all trials
    tasks, held_out = load("poster:train"), load("poster:validation")  # never the test split
    count = max(2, min(48, calls // 12))
    setting = Setting.of(poser, tasks, held_out, scores, n_eval_tasks=count, eval_freq=max(1, calls // 3))

    def objective(trial: optuna.Trial) -> float:
        values = {
            "gamma": trial.suggest_float("gamma", 0.5, 1.0),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
            "target_update_interval": trial.suggest_int("target_update_interval", 1, 200, log=True),
            "hidden_size": trial.suggest_categorical("hidden_size", [64, 128, 256]),
        }
        sizes = {"total_timesteps": calls, "learning_starts": calls // 4, "seed": trial.number}
        rows: list[dict[str, Any]] = []

        def measured(row: dict[str, Any]) -> None:
            rows.append(row)
            trial.report(row["returns"], row["calls"])
            if trial.should_prune():
                raise optuna.TrialPruned

        train(setting, DQN.model_copy(update=values | sizes), folder / f"trial-{trial.number}", on_row=measured)
        return max(float(row["returns"]) for row in rows)

    where = f"sqlite:///{folder / 'study.db'}"
    study = optuna.create_study(storage=where, study_name="dqn", direction="maximize", load_if_exists=True)
    study.optimize(objective, n_trials=trials)
    print(f"trial {study.best_trial.number}: return {study.best_value:.3f} with {study.best_params}")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, int, Path), sys.argv[1:], strict=False)))

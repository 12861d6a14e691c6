"""`train`: a deck of tasks, a transition and a recipe -> a policy in a folder, with its log, curve and checkpoint.

Everything is measured through `rollout` on a held-out deck, in the critic's eyes; the exact reader or any other judge
stays out of training. A run that was cut off goes on from its last checkpoint and ends as the uninterrupted one.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

from poser.actions import ActionSet
from poser.agent import Poser
from poser.learned import policy_file as policyfile
from poser.learned.embedders import Embedder, described, embedder
from poser.learned.encode import Encoder
from poser.learned.observation import Observer
from poser.learning import checkpoint, episodes, learner, probe
from poser.learning.evaluate import calibration, play, report
from poser.learning.tasks import Deck, Priced
from poser.learning.train_config import Recipe
from poser.learning.vec_env import PoserVecEnv
from poser.mdp import MDP
from poser.policies.dqn import DqnPolicy
from poser.types import Budget, PoserError, Price, Step, Task, Trajectory
from poser.versions import versions

LOG, CURVE, CHECKPOINT, RECIPE, MARKS = "log.jsonl", "curve.png", "checkpoint", "recipe.json", "marks.json"
RECORD = f"train{episodes.SUFFIX}"
Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a policy is trained on, apart from its recipe.

    Attributes:
        mdp: experts, critic, rules; its reward and what may be chosen are replaced by the recipe's.
        deck, held_out: tasks to learn from and to measure on; budget: of every episode.
        embedder: of the texts.
        marks: measured scores of the experts (`probe`).
        tasks: held-out tasks of a measurement; every: expert calls between two measurements.
        record: whether every episode is recorded in the folder.
        tensorboard: whether to write TensorBoard files there.
    """

    mdp: MDP
    deck: Deck
    held_out: Deck
    embedder: Embedder
    budget: Budget = Budget()
    marks: probe.Marks = field(default_factory=dict)
    tasks: int = 48
    every: int = 500
    record: bool = True
    tensorboard: bool = False

    @classmethod
    def of(cls, poser: Poser, deck: Deck, held_out: Deck, marks: probe.Marks, **more: Any) -> Setting:
        """That of an agent: its transition, embedder and budget. Raises `PoserError` for an unknown embedder."""
        inner = poser.config.embedder
        return cls(
            poser.mdp, deck, held_out, embedder(inner.name, inner.model), poser.config.budget_of(), marks, **more
        )


def world(mdp: MDP, recipe: Recipe) -> MDP:
    """The transition as the recipe sees it: its reward, and only the scopes it allows."""
    allowed = (*recipe.scopes, *(("stop",) if recipe.stop else ()))
    return replace(mdp, actions=mdp.actions.only(allowed), weights=recipe.reward)


def observer(recipe: Recipe, inner: Embedder, actions: ActionSet, marks: probe.Marks) -> Observer:
    """What the recipe's policy sees."""
    seen = Encoder(inner, recipe.extras, recipe.remaining)
    return Observer(seen, actions, probe.scores(marks), recipe.cards == "identity")


def fallback(actions: ActionSet, marks: probe.Marks) -> str:
    """The best fixed choice by the marks: the expert of each mode with the highest mean; '' without marks."""
    best = []
    for mode in ("text-to-image", "image-to-image"):
        means = {
            name: sum(mark.score for mark in kinds.values()) / len(kinds)
            for name, kinds in marks.items()
            if kinds and name in actions.cards and actions.cards[name].mode == mode
        }
        best += [max(means, key=lambda name: means[name])] if means else []
    return f"fixed:{'+'.join(best)}" if best else ""


class _Run:
    """One training run: the environment, the learner, and what is written."""

    def __init__(self, setting: Setting, recipe: Recipe, folder: Path, on_row: Callable[[Row], None] | None) -> None:
        self.setting, self.recipe, self.folder, self.on_row = setting, recipe, folder, on_row
        self.mdp = world(setting.mdp, recipe)
        self.observer = observer(recipe, setting.embedder, self.mdp.actions, setting.marks)
        highest = Price(recipe.second, recipe.usd)
        deck = Priced(setting.deck, setting.budget, highest)
        self.env = PoserVecEnv(self.mdp, self.observer, deck, recipe.seats, recipe.seed, self._seen)
        self.held_out: list[Task] = Priced(setting.held_out, setting.budget).first(setting.tasks)
        self.rows: list[Row] = []
        self.best: Row = {}
        self._open: dict[int, list[Step]] = {}
        self._ended: list[Trajectory] = []
        self._began = time.monotonic()
        self._spent = 0.0

    def _seen(self, seat: int, step: Step) -> None:
        if not self.setting.record:
            return
        steps = self._open.setdefault(seat, [])
        steps.append(step)
        if step.after.ended:
            told = "train", self.mdp.actions.digest
            self._ended.append(Trajectory(step.after.task, tuple(self._open.pop(seat)), *told))

    def policy(self, model: learner.MaskedDQN) -> DqnPolicy:
        """The policy as it is now."""
        return DqnPolicy.of(model.shape, model.weights(), self.observer, self.recipe)

    def measure(self, model: learner.MaskedDQN) -> Row:
        """One row of the log; the best policy so far, by held-out return, is written."""
        whole = play(self.mdp, self.policy(model), self.held_out)
        figures = {name: round(value, 4) for name, value in asdict(report(whole)).items()}
        row = {
            "calls": model.num_timesteps,
            "updates": model._n_updates,
            "time": round(self._time(), 1),
            "random": round(model.rate(), 3),
            **figures,
        }
        self.rows.append(row)
        if not self.best or row["returns"] >= self.best["returns"]:
            self.best = row
            self.export(model, whole)
        if self.on_row:
            self.on_row(row)
        return row

    def export(self, model: learner.MaskedDQN, whole: list[Trajectory]) -> None:
        """Writes policy.safetensors and policy.json."""
        policy, mdp = self.policy(model), self.mdp
        seen = self.observer.encoder
        about = {
            "network": asdict(model.shape),
            "observer": {
                "embedder": described(seen.embedder),
                "extras": list(seen.extras),
                "remaining": seen.remaining,
                "cards": self.recipe.cards,
                "digest": self.observer.digest,
                "scores": {name: dict(kinds) for name, kinds in self.observer.scores.items()},
            },
            "actions": {
                "slots": [str(action) for action in mdp.actions.slots],
                "scopes": list(self.recipe.scopes),
                "stop": self.recipe.stop,
                "redraw": mdp.actions.redraw,
                "digest": mdp.actions.digest,
            },
            "critic": mdp.critic.id,
            "deck": self.setting.deck.id,
            "recipe": self.recipe.model_dump(),
            "calls": model.num_timesteps,
            "versions": versions(),
            "fallback": fallback(mdp.actions, self.setting.marks),
            "calibration": asdict(calibration(mdp, policy, whole, self.recipe.discount)),
        }
        policyfile.save(self.folder, model.weights(), about)

    def _time(self) -> float:
        return self._spent + time.monotonic() - self._began

    def write(self, model: learner.MaskedDQN) -> None:
        """Log, recorded episodes and checkpoint, in this order: what a checkpoint stands on is there before it."""
        if self._ended:
            episodes.append(self.folder / RECORD, self._ended)
            self._ended = []
        (self.folder / LOG).write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        note = {"rows": self.rows, "best": self.best, "time": self._time()}
        checkpoint.save(model, self.env, self.folder / CHECKPOINT, note)

    def take_up(self) -> learner.MaskedDQN:
        """The learner of the last checkpoint. Raises `PoserError` where there is none or it is another run's."""
        model, note = checkpoint.resume(self.folder / CHECKPOINT, self.env, self.recipe)
        self.rows, self.best, self._spent = note["rows"], note["best"], note["time"]
        return model


def train(
    setting: Setting,
    recipe: Recipe,
    folder: str | Path,
    resume: bool = False,
    on_row: Callable[[Row], None] | None = None,
    on_calls: Callable[[int], None] | None = None,
    offline: Path | None = None,
    start: str | Path | None = None,
) -> Path:
    """Trains a policy and writes it to `folder`; gives the folder.

    `on_row` sees every measurement, `on_calls` how many expert calls were made so far. `offline` learns from recorded
    episodes instead, without a call; `start` is the folder of a policy whose weights it begins with. Ctrl-C ends the
    turn, leaves a checkpoint and raises `KeyboardInterrupt`.
    Raises `PoserError`: a run in `folder` that is not to be resumed, none that is, records without a usable step,
    weights of another network.
    """
    folder = Path(folder)
    if not resume and (folder / CHECKPOINT).exists():
        raise PoserError(f"there is a run in {str(folder)!r}; add --resume to go on with it, or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECIPE).write_text(recipe.model_dump_json(indent=1) + "\n")
    run = _Run(setting, recipe, folder, on_row)
    log = str(folder / "tensorboard") if setting.tensorboard else None
    if offline is not None:
        _study(run, learner.make(run.observer.space, recipe, _weights(start), log), offline)
    elif resume:
        _practise(run, run.take_up(), on_calls)
    else:
        _practise(run, learner.make(run.env, recipe, _weights(start), log), on_calls)
    return folder


def _weights(start: str | Path | None) -> Mapping[str, Any] | None:
    return None if start is None else policyfile.load(start)[1]


def _practise(run: _Run, model: learner.MaskedDQN, on_calls: Callable[[int], None] | None) -> None:
    """Learns from its own episodes until the recipe's calls are made."""
    every, stopped = run.setting.every, list[int]()

    def turn(model: learner.MaskedDQN) -> bool:
        if on_calls:
            on_calls(model.num_timesteps)
        last = run.rows[-1]["calls"] if run.rows else 0
        if model.num_timesteps // every > last // every or model.num_timesteps >= run.recipe.steps:
            run.measure(model)
            run.write(model)
        return not stopped

    handled = current_thread() is main_thread()
    before = signal.signal(signal.SIGINT, lambda *_: stopped.append(1)) if handled else None
    try:
        model.advance(on_turn=turn)
    finally:
        if handled:
            signal.signal(signal.SIGINT, before)
    if stopped:
        run.write(model)
        raise KeyboardInterrupt


def _study(run: _Run, model: learner.MaskedDQN, records: Path) -> None:
    """Learns from recorded episodes, as many updates as practising would have made."""
    from poser.learning.offline import fill

    stored = fill(model.replay_buffer, run.mdp, run.observer, episodes.read(records))
    if not stored:
        raise PoserError(f"no recorded step in {str(records)!r} has an action of this preset; record with poser train")
    per_row = max(1, int(run.recipe.updates * run.setting.every))
    whole = max(1, int(run.recipe.updates * run.recipe.steps))
    while model._n_updates < whole:
        model.study(min(per_row, whole - model._n_updates))
        run.measure(model)
        (run.folder / LOG).write_text("".join(json.dumps(row) + "\n" for row in run.rows))

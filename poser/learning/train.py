"""`train`: tasks, a transition and a config -> a policy in a folder, with its log, learning curve and checkpoint.

Everything is measured through `rollout` on held-out tasks, in the critic's eyes; the exact reader or any other judge
stays out of training. A run that was cut off goes on from its last checkpoint and ends as the uninterrupted one.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, TypeAlias

from experts.files import sweep, write_whole
from poser.actions import ActionSet
from poser.agent import Poser
from poser.learned import policy_file
from poser.learned.embedders import Embedder, embedder
from poser.learned.observation import Encoder, Observer
from poser.learned.skills import SkillScores, scores_of
from poser.learning import checkpoint, offline, progress
from poser.learning.evaluate import calibration, play, report
from poser.learning.learner import MaskedDQN
from poser.learning.tasks import PricedTasks, TaskSource
from poser.learning.train_config import TrainConfig
from poser.learning.vec_env import PoserVecEnv
from poser.mdp import MDP
from poser.policies.dqn import DqnPolicy
from poser.types import Budget, PoserError, Price, Step, Trajectory
from poser.versions import versions

if TYPE_CHECKING:
    from poser.learning.ppo import MaskedPPO

LOG, CURVE, CHECKPOINT, CONFIG = "log.jsonl", "curve.png", "checkpoint", "train_config.json"
SKILL_SCORES, RECORD = "skill_scores.json", f"train{offline.SUFFIX}"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
Learner: TypeAlias = "MaskedDQN | MaskedPPO"
Row = dict[str, Any]
"""A measurement, as it stands in the log: 'calls', 'updates', 'time' (s), 'random' (exploration), and a `Report`."""


@dataclass(frozen=True)
class Setting:
    """What a policy is trained on, apart from its config.

    Attributes:
        mdp: experts, critic, rules; its reward and what may be chosen are replaced by the config's.
        tasks, eval_tasks: to learn from, and held out to measure on.
        embedder: of the texts.
        budget: of every episode; None: that of its task.
        skill_scores: measured scores of the experts (`probe`).
        n_eval_tasks: held-out tasks of a measurement; eval_freq: expert calls between two measurements.
        record: whether every episode is recorded in the folder.
        tensorboard: whether to write TensorBoard files there.
    """

    mdp: MDP
    tasks: TaskSource
    eval_tasks: TaskSource
    embedder: Embedder
    budget: Budget | None = Budget()
    skill_scores: SkillScores = field(default_factory=dict)
    n_eval_tasks: int = 48
    eval_freq: int = 500
    record: bool = True
    tensorboard: bool = False

    @classmethod
    def of(
        cls, poser: Poser, tasks: TaskSource, eval_tasks: TaskSource, skill_scores: SkillScores, **more: Any
    ) -> Setting:
        """That of an agent: its transition, embedder and budget. Raises `PoserError` for an unknown embedder."""
        config = poser.config
        inner = embedder(config.embedder.name, config.embedder.model)
        return cls(poser.mdp, tasks, eval_tasks, inner, config.budget_of(), skill_scores, **more)


def fallback(actions: ActionSet, skill_scores: SkillScores) -> str:
    """The best fixed choice by the skill scores: the expert of each mode with the highest mean; '' without scores."""
    best = []
    for mode in ("text-to-image", "image-to-image"):
        means = {
            name: sum(skill.score for skill in kinds.values()) / len(kinds)
            for name, kinds in skill_scores.items()
            if kinds and name in actions.cards and actions.cards[name].mode == mode
        }
        best += [max(means, key=lambda name: means[name])] if means else []
    return f"fixed:{'+'.join(best)}" if best else ""


class _Run:
    """One training run: the environment, the learner, and what is written."""

    def __init__(
        self, setting: Setting, config: TrainConfig, folder: Path, on_row: Callable[[Row], None] | None
    ) -> None:
        self.setting, self.config, self.folder, self.on_row = setting, config, folder, on_row
        self.mdp = replace(setting.mdp, actions=setting.mdp.actions.only(config.allowed), weights=config.reward)
        encoder = Encoder(setting.embedder, config.extras, config.remaining)
        scores = scores_of(setting.skill_scores)
        self.observer = Observer(encoder, self.mdp.actions, scores, config.cards == "identity")
        highest = Price(config.max_price_second, config.max_price_usd)
        tasks = PricedTasks(setting.tasks, setting.budget, highest)
        self.env = PoserVecEnv(self.mdp, self.observer, tasks, config.n_envs, config.seed, self._seen)
        self.eval_tasks = PricedTasks(setting.eval_tasks, setting.budget).first(setting.n_eval_tasks)
        self.rows: list[Row] = []
        self.best: Row = {}
        self._last: list[Trajectory] = []
        self.recording = offline.Recording(folder / RECORD, self.mdp.actions.digest) if setting.record else None
        self._began = time.monotonic()
        self._spent = 0.0

    def _seen(self, number: int, step: Step) -> None:
        if self.recording is not None:
            self.recording.step(number, step)

    def measure(self, model: Learner) -> None:
        """Adds a row to the log; the best policy so far, by held-out return, is written."""
        policy = DqnPolicy.of(model.shape, model.weights(), self.observer)
        episodes = play(self.mdp, policy, self.eval_tasks)
        row = {
            "calls": model.num_timesteps,
            "updates": model._n_updates,
            "time": round(self._time(), 1),
            "random": round(model.epsilon(), 3),
            **{name: round(value, 4) for name, value in asdict(report(episodes)).items()},
        }
        self.rows.append(row)
        if not self.best or row["returns"] >= self.best["returns"]:
            self.best = row
            self.export(model, policy, episodes)
        self.show(episodes)
        if self.on_row:
            self.on_row(row)

    def show(self, episodes: list[Trajectory] | None = None, state: progress.State = "under way") -> None:
        """Writes the page of the run; `episodes`: those of a new measurement."""
        self._last = self._last if episodes is None else episodes
        if self.rows:
            about = {"tasks": self.setting.tasks.id, "seed": self.config.seed}
            progress.write(self.folder, self.rows, self._last, self.config.total_timesteps, about, state)

    def export(self, model: Learner, policy: DqnPolicy, episodes: list[Trajectory]) -> None:
        """Writes the policy's files; `episodes` are those that it played itself."""
        more = {
            "critic": self.mdp.critic.id,
            "tasks": self.setting.tasks.id,
            "train_config": self.config.model_dump(),
            "calls": model.num_timesteps,
            "versions": versions(),
        }
        if self.config.algorithm == "dqn":  # scores of 'ppo' are logits, not returns
            more["fallback"] = fallback(self.mdp.actions, self.setting.skill_scores)
            more["calibration"] = asdict(calibration(self.mdp, policy, episodes, self.config.gamma))
        about = policy_file.describe(model.shape, self.observer) | more
        policy_file.save(self.folder, model.weights(), about)

    def _time(self) -> float:
        return self._spent + time.monotonic() - self._began

    def write_log(self) -> None:
        """The rows so far, one JSON object a line."""
        write_whole(self.folder / LOG, "".join(json.dumps(row) + "\n" for row in self.rows).encode())

    def write(self, model: Learner) -> None:
        """Recorded episodes, checkpoint and log, in this order: the checkpoint says how far the episodes go."""
        if self.recording is not None:
            self.recording.flush()
        if not isinstance(model, MaskedDQN):
            self.write_log()
            return
        recorded = self.recording.state() if self.recording is not None else None
        note = {"rows": self.rows, "best": self.best, "time": self._time(), "recorded": recorded}
        checkpoint.save(model, self.env, self.folder / CHECKPOINT, note)
        self.write_log()

    def resume(self) -> MaskedDQN:
        """The learner of the last checkpoint. Raises `PoserError` where it is another run's."""
        model, note = checkpoint.resume(self.folder / CHECKPOINT, self.env, self.config)
        self.rows, self.best, self._spent = note["rows"], note["best"], note["time"]
        if self.recording is not None and note["recorded"] is not None:
            self.recording.restore(note["recorded"])
        return model


def train(
    setting: Setting,
    config: TrainConfig,
    folder: str | Path,
    resume: bool = False,
    on_row: Callable[[Row], None] | None = None,
    on_calls: Callable[[int], None] | None = None,
    records: Path | None = None,
    start: str | Path | None = None,
) -> Path:
    """Trains a policy and writes it to `folder`; gives the folder. Ctrl-C ends the turn, leaves a checkpoint and raises
    `KeyboardInterrupt`; so does SIGTERM, where somebody handles it. Whoever calls it holds the folder
    (`experts.files.held`).

    Args:
        setting: what it is trained on.
        config: how.
        folder: where policy, log and checkpoint go.
        resume: go on with the run in `folder`, which must have been given the same config; one that was cut off before
            its first checkpoint begins anew.
        on_row: sees every measurement.
        on_calls: is told how many expert calls were made so far.
        records: learn from these recorded episodes (`offline.read`) instead, without an expert call.
        start: the folder of a policy whose weights it begins with.

    Raises `PoserError` as `prepared`, for what 'ppo' cannot, for records without a usable step, and for weights of
    another network.
    """
    folder = Path(folder)
    if config.algorithm == "ppo" and (resume or records is not None):
        what = "learn from records" if records is not None else "go on with a run that was cut off"
        raise PoserError(f"algorithm ppo cannot {what}; begin a new run, or take dqn")
    prepared(folder, resume)
    write_whole(folder / CONFIG, (config.model_dump_json(indent=1) + "\n").encode())
    run = _Run(setting, config, folder, on_row)
    log = str(folder / "tensorboard") if setting.tensorboard else None
    weights: Mapping[str, Any] | None = None if start is None else policy_file.load(start)[1]
    if records is not None:
        _study(run, MaskedDQN(run.observer.space, config, weights, log), records)
    elif config.algorithm == "ppo":
        from poser.learning.ppo import MaskedPPO

        _practise(run, MaskedPPO(run.env, config, weights, log), on_calls)
    elif checkpoint.exists(folder / CHECKPOINT):
        _practise(run, run.resume(), on_calls)
    else:
        _practise(run, MaskedDQN(run.env, config, weights, log), on_calls)
    return folder


def prepared(folder: Path, resume: bool) -> None:
    """Removes what killed writes left. Raises `PoserError`: a run in `folder` that is not to be resumed, none that is,
    or files of somebody else where those of the run would go."""
    ours = (folder / CONFIG).is_file()
    if resume and not ours:
        raise PoserError(f"no run in {str(folder)!r}; train without --resume, or give the folder of a run")
    if not resume and (checkpoint.exists(folder / CHECKPOINT) or (ours and (folder / LOG).exists())):
        raise PoserError(f"there is a run in {str(folder)!r}; add --resume to go on with it, or choose another --out")
    for name in (
        () if ours else (LOG, CURVE, progress.PAGE, CHECKPOINT, CONFIG, RECORD, policy_file.WEIGHTS, policy_file.ABOUT)
    ):
        if os.path.lexists(folder / name):
            raise PoserError(f"{str(folder)!r} holds a {name} that belongs to no run; choose another --out")
    sweep(folder)


def _practise(run: _Run, model: Learner, on_calls: Callable[[int], None] | None) -> None:
    """Learns from its own episodes until the config's calls are made. A signal ends the turn; a second one, at once."""
    every, stopped = run.setting.eval_freq, list[int]()

    def turn(model: Learner) -> bool:
        if on_calls:
            on_calls(model.num_timesteps)
        last = run.rows[-1]["calls"] if run.rows else 0
        if model.num_timesteps // every > last // every or model.num_timesteps >= run.config.total_timesteps:
            run.measure(model)
            run.write(model)
        return not stopped

    def told(number: int, _: Any) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(number)

    handled = current_thread() is main_thread()
    before = [(number, signal.signal(number, told)) for number in SIGNALS] if handled else []
    try:
        model.advance(on_turn=turn)
        if not stopped and (not run.rows or run.rows[-1]["calls"] < model.num_timesteps):
            run.measure(model)  # whole rollouts of 'ppo' may come to less than was asked for
            run.write(model)
        if stopped:
            run.write(model)
            run.show(state="stopped")
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if stopped:
        signal.raise_signal(stopped[0])
        raise KeyboardInterrupt
    run.write_log()
    run.show(state="done")


def _study(run: _Run, model: MaskedDQN, records: Path) -> None:
    """Learns from recorded episodes, as many updates as practising would have made."""
    if not offline.fill(model.replay_buffer, run.mdp, run.observer, offline.read(records)):
        raise PoserError(f"no recorded step in {str(records)!r} has an action of this preset; record with poser train")
    per_row = max(1, int(run.config.updates_per_step * run.setting.eval_freq))
    in_all = max(1, int(run.config.updates_per_step * run.config.total_timesteps))
    while model._n_updates < in_all:
        model.study(min(per_row, in_all - model._n_updates))
        run.measure(model)
    run.write_log()
    run.show(state="done")

"""`OrchestrateEnv`: one episode at a time as a gymnasium environment, over `MDP.step`.

import gymnasium
env = gymnasium.make("poser.learning.env:poser/Orchestrate-v0", preset="poster")
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from poser import config as configs
from poser import register_env
from poser.actions import carried_out
from poser.agent import Poser
from poser.learned.embedders import embedder
from poser.learned.observation import Encoder, Observation, Observer
from poser.learning import tasks as sources
from poser.learning.frame import frame
from poser.learning.tasks import PricedTasks, TaskSource
from poser.learning.train_config import DQN
from poser.mdp import MDP
from poser.types import PoserError, State, Step, Task

SIZE = (512, 512)
"""Space of the picture in a frame where the transition names no size, px."""


def same_actions(mdp: MDP, observer: Observer) -> None:
    """Raises `PoserError` where the masks of an observer would not be those of the transition."""
    if observer.actions != mdp.actions:
        raise PoserError("the observer is for another action set; make it with actions=mdp.actions")


class OrchestrateEnv(gymnasium.Env[dict[str, Any], Any]):
    """One episode: a task is drawn, every action is a slot (expert and scope, or 'stop').

    Observation: `Observer`'s, without the batch axis: 'state' float32 [D], 'cards' float32 [K, F], 'mask' int8 [K].
    Reward: the step's 'total' (`poser.reward`). Pictures are never observed. Info holds plain data: 'task' (id),
    'command' (what the expert was handed), 'expert' ('stop' at the end), 'scope', 'accepted', 'terms' (of the reward)
    and 'illegal'.

    An episode terminates where nothing is left to do, at 'stop', and at its budget: the budget is part of the task and
    is observed, so there is nothing beyond it to learn from. An action that the mask forbids is refused: nothing runs,
    the state stays, the reward is 0 and 'illegal' is True. The episode is truncated after as many refusals as the
    budget has steps, and by nothing else.

    Args:
        preset: a preset, config file or folder of a run (`poser.config`); what is given below replaces its part.
        mdp: the transition.
        observer: makes the observations; by default the config's embedder and every extra but 'last'.
        tasks: a source of tasks, played as they are, or its name, played with the config's budget and prices; by
            default the embedded world's tasks of `split`.
        split: 'train', 'validation' or 'test'.
        overrides: dotted keys of the config, for example {'rules.steps': 4}.
        render_mode: 'rgb_array', or None.

    Raises `PoserError` for an unknown preset, key, source, split or render mode, and for an observer of other slots.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}

    def __init__(
        self,
        preset: str | Path = "poster",
        *,
        mdp: MDP | None = None,
        observer: Observer | None = None,
        tasks: TaskSource | str | None = None,
        split: str = "train",
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise PoserError(f"no render mode {render_mode!r}; give 'rgb_array', or nothing")
        self.mdp, self.observer, self.tasks = parts(preset, overrides, mdp, observer, tasks or f"poster:{split}")
        same_actions(self.mdp, self.observer)
        self.observation_space = self.observer.space
        self.action_space = gymnasium.spaces.Discrete(len(self.mdp.actions.slots))
        self.render_mode = render_mode
        self._state: State | None = None
        self._step: Step | None = None
        self._mask = np.zeros(len(self.mdp.actions.slots), bool)
        self._refused = 0
        self._warned = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new episode; its task is drawn with the environment's own generator, or is `options['task']`.

        Raises `PoserError` for another option.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        task: Task = given.pop("task", None) or self.tasks.draw(self.np_random)
        if given:
            raise PoserError(f"no option {next(iter(given))!r}; the only one is 'task', a poser.types.Task")
        self._state, self._step, self._refused = self.mdp.start([task])[0], None, 0
        return self._observe(self._state), {"task": task.id}

    def step(self, action: int) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step. Raises gymnasium's `ResetNeeded` before the first `reset` and after the end of an episode."""
        state, slot = self._state, operator.index(action)
        if state is None or state.ended:
            raise gymnasium.error.ResetNeeded("no episode is open; call reset()")
        info: dict[str, Any] = {"task": state.task.id, "illegal": False}
        if not (0 <= slot < len(self._mask) and self._mask[slot]):
            self._refused += 1
            if not self._warned:
                self._warned = True
                gymnasium.logger.warn(
                    f"slot {slot} was refused: its mask forbids it; a learner that ignores masks learns from refusals "
                    "alone; give it env.action_masks(), as MaskablePPO of sb3-contrib and poser train do"
                )
            over = self._refused >= state.task.budget.steps
            self._state = replace(state, ended=over)
            nothing = {"illegal": True, "command": "", "expert": "", "scope": "", "accepted": False, "terms": {}}
            return self._observe(state), 0.0, False, over, info | nothing
        self._step = step = self.mdp.step([state], [slot])[0]
        self._state = step.after
        info["command"] = "; ".join(command.text for command in carried_out(state.plan, step.action.scope))
        info |= {"expert": step.action.expert or "stop", "scope": step.action.scope, "accepted": step.accepted}
        info["terms"] = {name: float(value) for name, value in step.reward.items()}
        return self._observe(step.after), float(step.reward["total"]), step.after.ended, False, info

    def action_masks(self) -> np.ndarray:
        """Legal slots of the last observation, bool [K]: the form that sb3-contrib's maskable learners ask for."""
        return self._mask.copy()

    def render(self) -> np.ndarray | None:
        """uint8 [H, W, 3]: the current picture, with the last command and expert under it; None without a mode."""
        if self.render_mode is None:
            return None
        if self._state is None:
            raise gymnasium.error.ResetNeeded("there is nothing to show yet; call reset()")
        return frame(self._state, self._step, self.mdp.size or SIZE)

    def _observe(self, state: State) -> Observation:
        seen = {name: rows[0] for name, rows in self.observer([state]).items()}
        self._mask = seen["mask"] > 0
        return seen


def parts(
    preset: str | Path,
    overrides: Mapping[str, Any] | None,
    mdp: MDP | None,
    observer: Observer | None,
    tasks: TaskSource | str,
) -> tuple[MDP, Observer, TaskSource]:
    """What was given, the rest by the config; named tasks are played with its budget, and its prices by its weight."""
    if mdp is not None and observer is not None and not isinstance(tasks, str):
        return mdp, observer, tasks
    config = configs.load(preset, overrides)
    if mdp is None:
        mdp = Poser.from_config(config).mdp
    if observer is None:
        inner = embedder(config.embedder.name, config.embedder.model)
        observer = Observer(Encoder(inner, DQN.extras), mdp.actions)
    if isinstance(tasks, str):
        tasks = PricedTasks(sources.load(tasks), config.budget_of(), fixed=config.prices)
    return mdp, observer, tasks


register_env()

"""`PoserVecEnv`: many episodes at once as a stable-baselines3 `VecEnv`, over `MDP.step`."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from stable_baselines3.common.vec_env import VecEnv

from poser.learned.observation import Observation, Observer
from poser.learning.env import SIZE, parts, same_actions
from poser.learning.frame import frame
from poser.learning.tasks import TaskSource
from poser.mdp import MDP
from poser.types import InvalidAction, PoserError, State, Step


@dataclass
class _Episode:
    """An open episode. `before`: the generator's state before its task was drawn; `slots`: what was chosen since."""

    rng: np.random.Generator
    before: Mapping[str, Any]
    state: State
    slots: list[int] = field(default_factory=list)
    total: float = 0.0
    began: float = field(default_factory=time.monotonic)
    step: Step | None = None

    def take(self, slot: int, step: Step) -> None:
        """Goes on to the state after the step."""
        self.slots.append(slot)
        self.total += step.reward["total"]
        self.state, self.step = step.after, step


class PoserVecEnv(VecEnv):
    """N environments, one open episode each, one call of `MDP.step` a vector step; an environment whose episode ends
    begins its next task in the same step.

    Observations: 'state' float32 [N, D], 'cards' float32 [N, K, F], 'mask' int8 [N, K]; rewards float32 [N]; actions
    are slot numbers [N]. Infos hold plain numbers and ids: 'task' (id), 'TimeLimit.truncated' (always False: the budget
    is a true end), and after an episode's end 'episode' ('r' return, 'l' steps, 't' seconds) and
    'terminal_observation'. Pictures are in neither.

    An action that the mask forbids raises `InvalidAction` before anything runs: no learner may store one.

    Args:
        mdp: the transition; observer: makes the observations, over the same slots.
        tasks: where tasks come from; environment i draws with `numpy.random.default_rng((seed, i))`.
        n_envs: N.
        on_step: sees every (i, Step) as it is made, pictures included.

    Raises `PoserError` where the observer's slots are not the transition's.
    """

    def __init__(
        self,
        mdp: MDP,
        observer: Observer,
        tasks: TaskSource,
        n_envs: int,
        seed: int = 0,
        on_step: Callable[[int, Step], None] | None = None,
    ) -> None:
        same_actions(mdp, observer)
        self.mdp, self.observer, self.tasks, self.on_step = mdp, observer, tasks, on_step
        self.render_mode = "rgb_array"
        super().__init__(n_envs, observer.space, Discrete(len(mdp.actions.slots)))
        self._episodes: list[_Episode] = []
        self._chosen: list[int] = []
        self._mask = np.zeros((n_envs, len(mdp.actions.slots)), np.int8)
        self.seed(seed)

    @classmethod
    def from_preset(
        cls,
        preset: str | Path = "poster",
        seats: int = 16,
        *,
        tasks: TaskSource | str = "poster:train",
        seed: int = 0,
        overrides: Mapping[str, Any] | None = None,
        on_step: Callable[[int, Step], None] | None = None,
    ) -> PoserVecEnv:
        """The environments of a preset, with the observations and parts of `OrchestrateEnv`.

        Args:
            preset: a preset, config file or folder of a run; overrides: dotted keys of it.
            seats: episodes at once, >= 1.
            tasks: a source, or its name.

        Raises `PoserError` for an unknown preset, key or source, and for seats < 1.
        """
        if seats < 1:
            raise PoserError(f"seats {seats} is out of range; give 1 or more")
        mdp, observer, source = parts(preset, overrides, None, None, tasks)
        return cls(mdp, observer, source, seats, seed, on_step)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """At the next `reset`, environment i draws its tasks with `default_rng((seed, i))`; None: a random seed."""
        base = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._seeds = [base] * self.num_envs
        return self._seeds

    def reset(self) -> Observation:
        """A new episode in every environment; generators go on where they are, unless `seed` was called."""
        rngs = [episode.rng for episode in self._episodes]
        if self._seeds[0] is not None:
            rngs = [np.random.default_rng((base, k)) for k, base in enumerate(self._seeds)]
        self._reset_seeds()
        self._reset_options()
        self._episodes = self._begin(rngs)
        self.reset_infos = [{"task": episode.state.task.id} for episode in self._episodes]
        return self.observe()

    def step_async(self, actions: np.ndarray) -> None:
        """Takes the slots, int [N]. Raises `PoserError` where their number is wrong, or before the first `reset`."""
        self._chosen = np.asarray(actions).reshape(-1).tolist()
        if len(self._chosen) != len(self._episodes):
            raise PoserError(f"{len(self._chosen)} actions for {len(self._episodes)} open episodes; call reset() first")

    def step_wait(self) -> tuple[Observation, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Observations, rewards, ends, infos. Raises `InvalidAction` before anything runs."""
        illegal = np.flatnonzero([not self._legal(k, slot) for k, slot in enumerate(self._chosen)])
        if len(illegal):
            raise InvalidAction(ignored(int(illegal[0]), self._chosen[illegal[0]]))
        steps = self.mdp.step([episode.state for episode in self._episodes], self._chosen)
        infos: list[dict[str, Any]] = []
        for k, (episode, slot, step) in enumerate(zip(self._episodes, self._chosen, steps, strict=True)):
            episode.take(slot, step)
            infos.append({"task": step.after.task.id, "TimeLimit.truncated": False})
            if self.on_step is not None:
                self.on_step(k, step)
        ended = [k for k, step in enumerate(steps) if step.after.ended]
        for k in ended:
            episode = self._episodes[k]
            spent = round(time.monotonic() - episode.began, 6)
            infos[k]["episode"] = {"r": episode.total, "l": len(episode.slots), "t": spent}
        for k, fresh in zip(ended, self._begin([self._episodes[k].rng for k in ended]), strict=True):
            self._episodes[k] = fresh
        seen, finals = self._look([steps[k].after for k in ended])
        for k, final in zip(ended, finals, strict=True):
            infos[k]["terminal_observation"] = final
        rewards = np.asarray([step.reward["total"] for step in steps], np.float32)
        return seen, rewards, np.asarray([step.after.ended for step in steps]), infos

    def observe(self) -> Observation:
        """The observations of the open episodes, as `reset` or the last step gave them."""
        return self._look([])[0]

    def state(self) -> dict[str, Any]:
        """Where every open episode stands, as JSON data: what `restore` needs. Raises `PoserError` before `reset`."""
        if not self._episodes:
            raise PoserError("no episode is open; call reset() first")
        rows = [{"rng": episode.before, "slots": list(episode.slots)} for episode in self._episodes]
        return {"tasks": self.tasks.id, "actions": self.mdp.actions.digest, "episodes": rows}

    def restore(self, data: Mapping[str, Any]) -> Observation:
        """Draws the tasks again, plays the slots again (one `MDP.step` a turn, `on_step` does not see them) and returns
        the observations; from there on all goes as in the environment that told `state`, wall clocks apart.

        Raises `PoserError` for data of another environment, or where the experts or the critic no longer do as then.
        """
        rows = _rows(data, {"tasks": self.tasks.id, "actions": self.mdp.actions.digest}, self.num_envs)
        episodes = self._begin([rng for rng, _ in rows])
        pairs = [(episode, slots) for episode, (_, slots) in zip(episodes, rows, strict=True)]
        for turn in range(max(len(slots) for _, slots in pairs)):
            going = [(episode, slots[turn]) for episode, slots in pairs if len(slots) > turn]
            steps = self.mdp.step([episode.state for episode, _ in going], [slot for _, slot in going])
            for (episode, slot), step in zip(going, steps, strict=True):
                episode.take(slot, step)
        if any(episode.state.ended for episode in episodes):
            raise PoserError("an open episode ended when it was played again; its experts have changed, train anew")
        self._episodes = episodes
        self._reset_seeds()
        return self.observe()

    def action_masks(self) -> np.ndarray:
        """Legal slots of the last observations, bool [N, K]."""
        return self._mask.astype(bool)

    def get_images(self) -> list[np.ndarray | None]:
        """A frame an environment, uint8 [H, W, 3] (`poser.learning.frame`), all of one size."""
        return [frame(episode.state, episode.step, self.mdp.size or SIZE) for episode in self._episodes]

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The environment's own attribute, once an environment. Raises `AttributeError`."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: the environments share one transition."""
        raise AttributeError(f"cannot set {attr_name!r} of single environments; they share one transition")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """'action_masks', a row an environment; there is no other. Raises `AttributeError`."""
        if method_name != "action_masks":
            raise AttributeError(f"environments have no method {method_name!r}; the only one is 'action_masks'")
        masks = self.action_masks()
        return [masks[k] for k in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """None is."""
        return [False for _ in self._get_indices(indices)]

    def _legal(self, number: int, slot: int) -> bool:
        row = self._mask[number]
        return 0 <= slot < len(row) and bool(row[slot])

    def _begin(self, rngs: Iterable[np.random.Generator]) -> list[_Episode]:
        drawn = [(rng, rng.bit_generator.state, self.tasks.draw(rng)) for rng in rngs]
        states = self.mdp.start([task for _, _, task in drawn])
        return [_Episode(rng, before, state) for (rng, before, _), state in zip(drawn, states, strict=True)]

    def _look(self, finals: list[State]) -> tuple[Observation, list[Observation]]:
        """The observations of the open episodes, and those of `finals`, in one call of the observer."""
        rows = self.observer([*(episode.state for episode in self._episodes), *finals])
        count = len(self._episodes)
        self._mask = rows["mask"][:count]
        last = [{name: row[count + k].copy() for name, row in rows.items()} for k in range(len(finals))]
        return {name: row[:count] for name, row in rows.items()}, last


def ignored(number: int, slot: int) -> str:
    """What a learner is told that chose a slot which its mask forbids."""
    return (
        f"environment {number} was given slot {slot}, which its mask forbids: the learner ignores masks; choose where "
        "env.action_masks() (or 'mask' of the observation) is true: MaskablePPO of sb3-contrib does, and poser train"
    )


def _rows(
    data: Mapping[str, Any], wanted: Mapping[str, str], count: int
) -> list[tuple[np.random.Generator, list[int]]]:
    """Generator and slots of every episode of a saved state.

    Raises `PoserError` where it is damaged, or of other tasks, another action set or another number of episodes.
    """
    try:
        rows = [(_generator(row["rng"]), list(map(operator.index, row["slots"]))) for row in data["episodes"]]
        told = {"tasks": data["tasks"], "actions": data["actions"], "episodes": len(rows)}
    except (KeyError, TypeError, ValueError, OverflowError):
        raise PoserError("the saved environment is damaged; start a new run") from None
    for name, here in {**wanted, "episodes": count}.items():
        if told[name] != here:
            raise PoserError(f"the saved environment has {name} {told[name]}, this one {here}; go on with the same")
    return rows


def _generator(state: Any) -> np.random.Generator:
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    return rng

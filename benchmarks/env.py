"""What the environment costs: steps a second with experts and critic that do nothing, against a null environment.

`python -m benchmarks.env [--json] [--save]`. The null environment repeats recorded observations (their values, not only
their shape, decide how long an update takes) on stable-baselines3's own `DummyVecEnv`, and computes nothing. All pairs
take turns in one process; seconds are of computing (one thread), so that other work on the machine does not count. The
main figure is stable-baselines3's DQN learning on `PoserVecEnv`, over the same DQN on the null environment: same
network, same number of updates a step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any

import gymnasium
import numpy as np
from PIL import Image

from benchmarks._results import command_line, publish, table, with_origin
from experts.poster.reader import read
from experts.poster.scene import Scene
from experts.types import Job, Result, image_digest
from poser.actions import anything
from poser.agent import Poser
from poser.learned.embedders import Floats, HashEmbedder
from poser.learned.observation import Encoder, Observer, kind_of
from poser.learning.tasks import PricedTasks, load
from poser.learning.train_config import DQN, TrainConfig
from poser.learning.vec_env import PoserVecEnv
from poser.mdp import MDP
from poser.types import Budget, Critique, Look, Price

LIMIT = 0.8
"""Least share of the null environment's steps a second (the learning loop's)."""
CONFIG = DQN.model_copy(update={"learning_starts": 128, "buffer_size": 4096})
"""The config of `poser train`; the buffer is cut, so that all learners fit into memory side by side."""
Play = Callable[[int], Any]
"""Makes so many environment steps."""


class Idle:
    """A pool and a critic that return at once; scores are drawn, so that episodes go every way they can.

    What an input picture shows is read once a picture: reading is the critic's work and is not measured.
    """

    id = "idle"

    def __init__(self, size: tuple[int, int]) -> None:
        self.picture, self.rng = Image.new("RGB", size), np.random.default_rng(0)
        self._scenes: dict[str, Scene] = {}

    def run(self, jobs: list[Job]) -> list[Result]:
        """The same picture for all."""
        return [Result(self.picture) for _ in jobs]

    def __call__(self, looks: Sequence[Look]) -> list[Critique]:
        """The exact scene where it is to be read, else random scores; nothing about premises."""
        return [Critique((), seen=self._seen(look.image)) if look.read else self._scored(look) for look in looks]

    def _scored(self, look: Look) -> Critique:
        draw = self.rng.random
        return Critique(tuple(draw(len(look.wanted)).tolist()), tuple(draw(len(look.earlier)).tolist()))

    def _seen(self, picture: Image.Image) -> Scene:
        digest = image_digest(picture)
        if digest not in self._scenes:
            self._scenes[digest] = read(picture)
        return self._scenes[digest]


class Kept(HashEmbedder):
    """Vectors as wide as all-MiniLM-L6-v2's, kept by text as it keeps them: the network itself is not measured."""

    def __init__(self) -> None:
        super().__init__(384)
        self._kept: dict[str, Floats] = {}

    def embed(self, texts: Sequence[str]) -> Floats:
        """[N, 384]."""
        for text in texts:
            if text not in self._kept:
                self._kept[text] = super().embed([text])[0]
        return np.stack([self._kept[text] for text in texts])


class Null(gymnasium.Env[dict[str, Any], Any]):
    """The recorded observations of one seat, again and again; episodes of four steps, nothing computed."""

    def __init__(self, like: PoserVecEnv, seen: list[dict[str, Any]]) -> None:
        self.observation_space, self.action_space = like.observation_space, like.action_space
        self._seen, self._turn = seen, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict]:
        """The next observation."""
        return self._seen[self._turn % len(self._seen)], {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict]:
        """The next observation, whatever the action."""
        self._turn += 1
        return self._seen[self._turn % len(self._seen)], 0.0, self._turn % 4 == 0, False, {}


class Obeying(PoserVecEnv):
    """For learners that know no masks: an illegal slot becomes a random legal one."""

    dice = np.random.default_rng(0)

    def step_async(self, actions: np.ndarray) -> None:
        """Takes slots, legal or not."""
        mask = self.action_masks()
        legal = mask[np.arange(len(mask)), actions]
        super().step_async(np.where(legal, actions, anything(mask, self.dice)))


@cache
def embedded() -> MDP:
    """The embedded preset."""
    return Poser.from_pretrained("poster").mdp


def world(kind: type[PoserVecEnv], config: TrainConfig) -> PoserVecEnv:
    """The embedded preset's roster, extractor, wording and rules, with idle experts."""
    idle = Idle(embedded().size or (96, 96))
    mdp = replace(embedded(), pool=idle, critic=idle, weights=config.reward)
    tasks = PricedTasks(load("poster:train"), Budget(6), Price(config.max_price_second, config.max_price_usd))
    rng, states = np.random.default_rng(1), mdp.start(tasks.first(50))
    kinds = sorted({kind_of(command) for state in states for command in state.plan.commands})
    scores = {name: {k: float(rng.random()) for k in kinds} for name in mdp.actions.cards}
    observer = Observer(Encoder(Kept(), config.extras), mdp.actions, scores)
    return kind(mdp, observer, tasks, config.n_envs, config.seed)


def null(config: TrainConfig, turns: int = 8) -> Any:
    """The null environment in as many seats, from so many recorded turns."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    like, rng = world(PoserVecEnv, config), np.random.default_rng(0)
    rows = [like.reset()]
    for _ in range(turns):
        rows.append(like.step(anything(rows[-1]["mask"], rng))[0])
    seats = [[{name: row[k].copy() for name, row in seen.items()} for seen in rows] for k in range(config.n_envs)]
    return DummyVecEnv([lambda seen=seen: Null(like, seen) for seen in seats])


def stock(env: Any, config: TrainConfig) -> Play:
    """Stable-baselines3's DQN, an update a step, at the config's sizes."""
    from stable_baselines3 import DQN as Stock

    model = Stock(
        "MultiInputPolicy",
        env,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.learning_starts,
        batch_size=config.batch_size,
        gamma=config.gamma,
        train_freq=1,
        gradient_steps=-1,
        policy_kwargs={"net_arch": [config.hidden_size] * 2},
        seed=config.seed,
        device="cpu",
    )
    return lambda count: model.learn(count, reset_num_timesteps=False)


def ours(env: Any, config: TrainConfig) -> Play:
    """The masked learner of `poser train`."""
    from poser.learning.learner import MaskedDQN

    model = MaskedDQN(env, config)
    return lambda count: model.learn(count)


def bare(env: Any, config: TrainConfig) -> Play:
    """Random legal slots, no learner."""
    rng, seen = np.random.default_rng(config.seed), env.reset()

    def play(count: int) -> None:
        nonlocal seen
        for _ in range(count // env.num_envs):
            seen = env.step(anything(seen["mask"], rng))[0]

    return play


def measure(plays: dict[str, Play], count: int, repeats: int) -> dict[str, list[float]]:
    """Steps a second of computing, `repeats` rounds; in a round each play has its turn. The first round is left out."""
    rates: dict[str, list[float]] = {name: [] for name in plays}
    for turn in range(repeats + 1):
        for name, play in plays.items():
            start = time.process_time()
            play(count)
            if turn:
                rates[name].append(count / (time.process_time() - start))
    return rates


def ratio(rates: dict[str, list[float]], one: str, other: str) -> dict[str, float]:
    """Of the same rounds: median, least, most."""
    shares = [a / b for a, b in zip(rates[one], rates[other], strict=True)]
    return {"median": round(median(shares), 3), "least": round(min(shares), 3), "most": round(max(shares), 3)}


def figures(config: TrainConfig, count: int, repeats: int) -> dict[str, Any]:
    """All of them, as they are saved."""
    plays = {
        "stock, null": stock(null(config), config),
        "stock, poser": stock(world(Obeying, config), config),
        "ours, null": ours(null(config), config),
        "ours, poser": ours(world(PoserVecEnv, config), config),
        "bare, null": bare(null(config), config),
        "bare, poser": bare(world(PoserVecEnv, config), config),
    }
    rates = measure(plays, count, repeats)
    space = world(PoserVecEnv, config).observation_space
    return {
        "limit": LIMIT,
        "seats": config.n_envs,
        "observation": {name: list(part.shape) for name, part in space.spaces.items()},
        "steps": count * repeats,
        "steps_a_second": {name: round(median(values), 1) for name, values in rates.items()},
        "learning": ratio(rates, "stock, poser", "stock, null"),
        "our_learner": ratio(rates, "ours, poser", "ours, null"),
        "our_learner_against_stock": ratio(rates, "ours, poser", "stock, null"),
        "without_learning": ratio(rates, "bare, poser", "bare, null"),
    }


RATIOS = {
    "learning": "stable-baselines3's DQN learning",
    "our_learner": "`poser train` learning",
    "our_learner_against_stock": "`poser train` learning, over stable-baselines3's DQN on the null environment",
    "without_learning": "random legal slots, no learner",
}


def page(found: Mapping[str, Any]) -> str:
    """Steps a second of every pair, and their ratios to the null environment."""
    rates = [[name, f"{rate:.0f}"] for name, rate in found["steps_a_second"].items()]
    shares = [
        [about, f"{row['median']:.2f} ({row['least']:.2f} to {row['most']:.2f})"]
        for name, about in RATIOS.items()
        for row in [found[name]]
    ]
    return (
        table(["learner, environment", "steps a second"], rates)
        + "\n\n"
        + table(["over the null environment", "median (least to most)"], shares)
        + f"\n\nThe first ratio must not be below {found['limit']}."
    )


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("env", __doc__)
    parser.add_argument("--steps", type=int, default=512, help="environment steps of a turn")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args(argv)
    import torch

    torch.set_num_threads(1)
    return publish(asked, "env", with_origin(figures(CONFIG, asked.steps, asked.repeats), "env"), page)


if __name__ == "__main__":
    sys.exit(main())

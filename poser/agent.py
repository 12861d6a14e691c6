"""`Poser`: the agent as one object. `Poser.from_pretrained("poster")("Draw ...")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image

from experts.cache import Cache
from experts.images import ImageError, open_image
from experts.pool import Pool
from experts.registry import Registry
from poser import config as configs
from poser import critics, planning, policies, wording
from poser.actions import ActionSet
from poser.config import Config
from poser.learned.abstain import Abstain
from poser.mdp import MDP, Rules
from poser.plugins import Context, named
from poser.rollout import rollout
from poser.roster import playable, reachable, registry_of, residency_of
from poser.runs.ends import Ended, claimed, ends_of
from poser.types import Policy, PoserError, Step, Task, Trajectory
from poser.versions import versions

LONGEST = 20_000
"""Characters of a prompt: about 3,500 words, seven times the paper's longest."""


@dataclass(frozen=True)
class Output:
    """What a call returns: the delivered pictures and every step behind them, in the order of the prompts."""

    images: list[Image.Image]
    trajectories: list[Trajectory]
    many: bool = False

    @property
    def satisfied(self) -> bool | list[bool]:
        """Whether everything that was asked for is done and nothing else was harmed; of a list of prompts, of each."""
        claims = [claimed(trajectory) for trajectory in self.trajectories]
        return claims if self.many else claims[0]

    @property
    def ends(self) -> list[Ended] | list[list[Ended]]:
        """What became of every command, and why; of a list of prompts, of each."""
        found = [list(ends_of(trajectory)) for trajectory in self.trajectories]
        return found if self.many else found[0]

    @property
    def trajectory(self) -> Trajectory:
        """The first trajectory."""
        return self.trajectories[0]


def _policy(config: Config, actions: ActionSet) -> Policy:
    """The policy of a config; with `abstain_below`, one that leaves the choice to what its training found best."""
    policy = policies.load(config.policy, actions)
    if config.abstain_below is None:
        return policy
    fallback = getattr(policy, "about", {}).get("fallback")
    if not fallback:
        raise PoserError(f"abstain_below needs a policy that 'poser train' wrote, not {config.policy!r}; --policy dqn")
    return Abstain(cast(Any, policy), policies.load(fallback, actions), config.abstain_below)


class Poser:
    """An agent that is ready to run: config, registry, transition and policy."""

    def __init__(self, config: Config, registry: Registry, mdp: MDP, policy: Policy) -> None:
        self.config, self.registry, self.mdp, self.policy = config, registry, mdp, policy

    @classmethod
    def from_pretrained(
        cls, preset: str | Path = "poster", *, policy: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> Poser:
        """Builds the agent of a preset, a config file or the folder of an earlier run.

        No model is loaded before it is needed. Raises `PoserError` for an unknown preset, key, expert or policy.
        """
        given = dict(overrides or {}) | ({"policy": policy} if policy else {})
        return cls.from_config(configs.load(preset, given))

    @classmethod
    def from_config(cls, config: Config) -> Poser:
        """Builds the agent of a config."""
        registry = registry_of(config)
        residency = residency_of(config, registry)
        pool = Pool(registry, residency, Cache(folder=config.cache) if config.cache else None)
        rules = config.rules
        actions = ActionSet.of(playable(registry), redraw=rules.redraw)
        context = Context(actions, residency, rules.attempts, rules.threshold, config.cache)
        mdp = MDP(
            pool,
            critics.load(*named(config.critic), context),
            planning.load(*named(config.extractor), context),
            wording.load(*named(config.wording), context),
            actions,
            Rules(rules.threshold, rules.guard, premises=rules.premises),
            config.reward,
            (config.size[0], config.size[1]),
        )
        return cls(config, registry, mdp, _policy(config, actions))

    @property
    def policy_id(self) -> str:
        """The policy's name, as it is recorded."""
        return self.policy.id

    def task(self, prompt: str, image: Image.Image | str | Path | None = None, seed: int = 0, steps: int = 0) -> Task:
        """A task within this agent's budget (`steps` 0: the config's).

        Raises `PoserError` for a prompt that is empty or longer than `LONGEST`, or a picture that is beyond the limits.
        """
        if not prompt.strip():
            raise PoserError("the prompt is empty; say what the picture should show")
        if len(prompt) > LONGEST:
            raise PoserError(f"the prompt has {len(prompt):,} characters; give at most {LONGEST:,}")
        if image is not None and not isinstance(image, Image.Image):
            try:
                image = open_image(image)
            except ImageError as error:
                raise PoserError(str(error)) from error
        picture = image.convert("RGB") if image is not None else None
        return Task(prompt, picture, seed, self.config.budget_of(steps), price=self.config.prices)

    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | str | Path | Sequence[Image.Image] | None = None,
        *,
        seed: int = 0,
        max_steps: int | None = None,
        seats: int = 16,
        on_start: Callable[[Trajectory], None] | None = None,
        on_step: Callable[[Step], None] | None = None,
        begun: Trajectory | None = None,
    ) -> Output:
        """Carries out a prompt, or a list of them at once (with a list of pictures, or none).

        `on_start` sees the trajectory with its plan before its first step, `on_step` every step; `begun` goes on with
        a trajectory that was interrupted. Raises `PoserError` for an empty prompt, for pictures that do not match the
        prompts, and where no expert can be asked on this machine.
        """
        reachable(self.registry, self.config.name)
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        given: Any = image
        pictures = list(given) if isinstance(given, list | tuple) else [given] * len(prompts)
        if len(pictures) != len(prompts):
            raise PoserError(f"{len(prompts)} prompts and {len(pictures)} pictures; give one a prompt, or none")
        tasks = [
            self.task(p, i, seed + k, max_steps or 0) for k, (p, i) in enumerate(zip(prompts, pictures, strict=True))
        ]
        if begun is not None:
            tasks = [begun.task]
        told = self.config.dump(), versions()
        found = dict(
            rollout(
                self.mdp,
                self.policy,
                tasks,
                seats,
                (lambda _, step: on_step(step)) if on_step else None,
                (lambda _, whole: on_start(whole)) if on_start else None,
                {0: begun} if begun else None,
                *told,
            )
        )
        trajectories = [found[k] for k in range(len(tasks))]
        return Output([image for t in trajectories for image in t.images], trajectories, not isinstance(prompt, str))

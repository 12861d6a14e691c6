"""`Poser`: the agent as one object. `Poser.from_pretrained("poster")("Draw ...")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from PIL import Image

from experts.cache import Cache
from experts.files import FolderInUse, held
from experts.images import ImageError, mask_of, opened
from experts.pool import Pool
from experts.registry import Registry
from experts.types import Wish
from poser import config as configs
from poser import critics, limits, planning, policies, wording
from poser.actions import ActionSet
from poser.config import Config
from poser.learned.abstain import Abstain
from poser.mdp import MDP, Rules
from poser.plugins import Context, named
from poser.protocols import Policy
from poser.rollout import rollout
from poser.roster import playable, reachable, registry_of, residency_of
from poser.runs.ends import Ended, claimed, ends_of
from poser.runs.record import Recorder
from poser.runs.report import render
from poser.types import PoserError, Step, Task, Trajectory
from poser.versions import versions

if TYPE_CHECKING:
    from poser.cluster.joined import Joined, Standing

Quality = Literal["auto", "low", "medium", "high"]


@dataclass(frozen=True)
class Output:
    """What a call returns: the delivered pictures and every step behind them, in the order of the prompts.

    Attributes:
        images: the delivered pictures, of those that delivered one.
        trajectories: one a prompt; that of a prompt that was refused has no steps.
        many: whether a list was asked for.
        errors: one a prompt: why it was refused or broke off, None where it did not; () where none could.
    """

    images: list[Image.Image]
    trajectories: list[Trajectory]
    many: bool = False
    errors: Sequence[Exception | None] = ()

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

    def __repr__(self) -> str:
        """One line: what is in it, not all of it."""
        steps, refused = sum(len(t.steps) for t in self.trajectories), sum(error is not None for error in self.errors)
        more = f", refused={refused}" if refused else ""
        done = sum(claimed(trajectory) for trajectory in self.trajectories)
        return f"Output(prompts={len(self.trajectories)}, images={self.images}, satisfied={done}, steps={steps}{more})"

    def save(self, folder: str | Path) -> list[Path]:
        """Writes every trajectory as `poser run` does: the run in `folder`, of a list each in a folder of its own,
        `folder/000`, ...; refused prompts are left out. Gives the folders.

        Raises `PoserError`: a run is there, files of somebody else, or it cannot be written.
        """
        there = [Path(folder) / f"{k:03d}" if self.many else Path(folder) for k in range(len(self.trajectories))]
        errors = self.errors or (None,) * len(there)
        kept = [(place, t) for place, t, e in zip(there, self.trajectories, errors, strict=True) if e is None]
        for place, trajectory in kept:
            _saved(trajectory, place)
        return [place for place, _ in kept]


def _saved(whole: Trajectory, folder: Path) -> None:
    try:
        with held(folder):
            recorder = Recorder(folder)
            recorder.start(replace(whole, steps=()))
            for step in whole.steps[recorder.count :]:
                recorder.step(step)
            recorder.end(whole, render(whole, str(folder)).encode())
    except (OSError, FolderInUse) as error:
        raise PoserError(f"cannot write {str(folder)!r}: {error}") from None


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
    """An agent that is ready to run: config, registry, transition and policy; `joined`: its workers elsewhere."""

    def __init__(
        self, config: Config, registry: Registry, mdp: MDP, policy: Policy, joined: Joined | None = None
    ) -> None:
        self.config, self.registry, self.mdp, self.policy, self.joined = config, registry, mdp, policy, joined

    @classmethod
    def from_pretrained(
        cls, preset: str | Path = "poster", *, policy: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> Poser:
        """Builds the agent of a preset, a config file or the folder of an earlier run.

        No model is loaded before it is needed. Raises `PoserError` for an unknown preset, key, expert or policy, and,
        where models run on Ray (`engine`), for a cluster that is not there or has no room.
        """
        given = dict(overrides or {}) | ({"policy": policy} if policy else {})
        return cls.from_config(configs.load(preset, given))

    @classmethod
    def from_config(cls, config: Config, standing: Standing | None = None) -> Poser:
        """Builds the agent of a config. `standing`: workers elsewhere that another one began; None: they are begun."""
        registry = registry_of(config)
        residency = residency_of(config, registry)
        rules = config.rules
        actions = rules.actions(playable(registry))
        context = Context(actions, residency, rules.attempts, rules.threshold, config.cache)
        critic, joined = critics.load(*named(config.critic), context), None
        if config.engine.name == "ray":
            from poser.cluster.joined import joined as elsewhere

            joined = elsewhere(config, registry, critic, standing)
            registry, critic = joined.registry, joined.critic
        mdp = MDP(
            Pool(registry, residency, Cache(folder=config.cache) if config.cache else None),
            critic,
            planning.load(*named(config.extractor), context),
            wording.load(*named(config.wording), context),
            actions,
            Rules(rules.threshold, rules.guard, premises=rules.premises),
            config.reward,
            (config.size[0], config.size[1]),
        )
        return cls(config, registry, mdp, _policy(config, actions), joined)

    def close(self, grace: float = 20.0) -> None:
        """Ends workers elsewhere, after up to `grace` seconds in which calls may end; without any, does nothing."""
        if self.joined is not None:
            self.joined.close(grace)

    @property
    def policy_id(self) -> str:
        """The policy's name, as it is recorded."""
        return self.policy.id

    @property
    def pictures(self) -> int:
        """Input pictures that a task may have: as many as one of its experts takes."""
        cards = self.mdp.actions.cards.values()
        return max((card.pictures for card in cards if card.mode == "image-to-image"), default=1)

    def task(
        self,
        prompt: str,
        image: Any = None,
        seed: int = 0,
        max_steps: int | None = None,
        *,
        mask: Any = None,
        size: tuple[int, int] | str | None = None,
        quality: Quality = "auto",
        transparent: bool = False,
    ) -> Task:
        """A task within this agent's budget (`max_steps` None: the config's).

        Args:
            image: a PIL picture, an array, a path, bytes, an open file or a `data:` URL (`experts.images.opened`); or a
                list of them: the first is changed, the others are references that the prompt may speak of.
            mask: a picture of the first one's size: white where it may change, black where every pixel is to stay.
            size: the wished (width, height) px, or 'WIDTHxHEIGHT', of a picture that is drawn from words.
            quality: 'low', 'medium' or 'high'; experts that have but one go on with that.
            transparent: a transparent ground is wished, and what is transparent stays so.

        Raises `PoserError` for a prompt that is empty or too long, pictures that cannot be read, are beyond the limits
        or more than any expert here takes, a mask that does not fit, a size or quality that cannot be, a seed outside
        0 .. 2**31 - 1, and `max_steps` outside 1 .. 100.
        """
        words, number = limits.prompt(prompt), limits.seed(seed)
        budget = self.config.budget_of(0 if max_steps is None else limits.steps(max_steps))
        alpha = self.config.alpha or transparent
        listed = list(image) if isinstance(image, list | tuple) else [] if image is None else [image]
        if len(listed) > self.pictures:
            raise PoserError(
                f"{len(listed)} pictures; no expert of {self.config.name!r} takes more than {self.pictures}"
            )
        try:
            pictures = [opened(given, _named(k, len(listed)), alpha) for k, given in enumerate(listed)]
            area = None if mask is None or not pictures else mask_of(mask, pictures[0].size)
        except ImageError as error:
            raise PoserError(str(error)) from error
        if mask is not None and not pictures:
            raise PoserError("a mask says where a picture may change; give the picture too")
        wishes = (limits.quality(quality), *(("transparent",) if transparent else ()))
        return Task(
            words,
            pictures[0] if pictures else None,
            number,
            budget,
            price=self.config.prices,
            alpha=alpha,
            references=tuple(pictures[1:]),
            mask=area,
            size=None if size is None else limits.size(size),
            wishes=cast(tuple[Wish, ...], tuple(wish for wish in wishes if wish != "auto")),
        )

    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Any = None,
        *,
        mask: Any = None,
        size: tuple[int, int] | str | None = None,
        quality: Quality = "auto",
        transparent: bool = False,
        n: int = 1,
        seed: int = 0,
        max_steps: int | None = None,
        seats: int = 16,
        on_start: Callable[[Trajectory], None] | None = None,
        on_step: Callable[[Step], None] | None = None,
        begun: Trajectory | None = None,
        errors: Literal["return", "raise"] = "return",
    ) -> Output:
        """Carries out a prompt, or a list of them at once (with a list of pictures, or none).

        Args:
            prompt: one, or a list.
            image: what `task` takes, for one prompt (a list: the first is changed, the others are references); for a
                list of prompts one each, or None. mask: with one prompt, where its picture may change (white).
            size, quality, transparent: wishes, as for `task`.
            n: candidates of one prompt, 1 .. 100, with seeds that follow each other: an Output as for a list.
            seed: 0 .. 2**31 - 1, of the first; item k of a list has seed + k.
            max_steps: expert calls of an episode, 1 .. 100; None: the config's.
            seats: episodes at once, >= 1.
            on_start: sees the trajectory with its plan before its first step; on_step: every step.
            begun: a trajectory that was interrupted, to go on with.
            errors: 'return': an item of a list that is refused, or breaks off, is an error in `Output.errors`, and the
                others are carried out; 'raise': it is raised. One prompt alone always raises.

        Raises `PoserError` for arguments that fit no item, for what `task` refuses (see `errors`), and where no expert
        can be asked on this machine.
        """
        reachable(self.registry, self.config.name)
        several = not isinstance(prompt, str)
        many = several or limits.whole(n, 1, 100, "n") > 1
        prompts = _listed(prompt, "prompt") if several else [prompt] * n
        pictures = list(image) if several and isinstance(image, list | tuple) else [image] * len(prompts)
        if several and (mask is not None or n != 1):
            raise PoserError("a mask and n go with one prompt; give the prompts of a list one by one")
        if len(pictures) != len(prompts):
            raise PoserError(f"{len(prompts)} prompts and {len(pictures)} pictures; give one a prompt, or none")
        limits.whole(seats, 1, 4096, "seats"), limits.seed(seed)
        if errors not in ("return", "raise"):
            raise PoserError(f"errors={errors!r:.60}; give 'return' or 'raise'")
        tasks: list[Task | PoserError] = [begun.task] if begun is not None else []
        for k, (words, picture) in enumerate(zip(prompts[len(tasks) :], pictures[len(tasks) :], strict=True)):
            try:
                wishes: Any = {"mask": mask, "size": size, "quality": quality, "transparent": transparent}
                tasks.append(self.task(words, picture, seed + k, max_steps, **wishes))
            except PoserError as error:
                if errors == "raise" or not many:
                    raise
                tasks.append(error)
        good = [k for k, task in enumerate(tasks) if isinstance(task, Task)]
        told, bad = (self.config.dump(), versions()), dict[int, Exception]()
        found = dict(
            rollout(
                self.mdp,
                self.policy,
                [task for task in tasks if isinstance(task, Task)],
                seats,
                (lambda _, step: on_step(step)) if on_step else None,
                (lambda _, whole: on_start(whole)) if on_start else None,
                {0: begun} if begun else None,
                *told,
                on_error=None if errors == "raise" or not many else lambda number, error: bad.update({number: error}),
            )
        )
        made = {k: found[number] for number, k in enumerate(good)}
        refused = [Trajectory(Task(str(p)[:80]), (), self.policy_id, self.mdp.actions.digest, *told) for p in prompts]
        trajectories = [made.get(k, refused[k]) for k in range(len(tasks))]
        why: list[Exception | None] = [None if isinstance(task, Task) else task for task in tasks]
        for number, broken in bad.items():
            why[good[number]] = broken
        return Output([image for t in trajectories for image in t.images], trajectories, many, why)


def _named(place: int, count: int) -> str:
    return "the picture" if count == 1 else f"picture {place + 1}"


def _listed(given: Any, name: str) -> list[Any]:
    """Raises PoserError for what is no list."""
    if not isinstance(given, list | tuple):
        raise PoserError(f"the {name} is {type(given).__name__} {given!r:.60}; give text, or a list of texts")
    return list(given)

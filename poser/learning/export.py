"""Recorded episodes for other tools: a plain table of their steps (JSON lines, Parquet), or a Minari dataset.

The table needs no preset: it holds what was recorded. A Minari dataset holds the observations of a learner, so it is
made with the observer and the transition that it will be learned for; steps that these do not know are cut off, as
`offline.fill` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experts.files import write_whole
from poser.actions import carried_out
from poser.learned.observation import Observer
from poser.learning.offline import known
from poser.mdp import MDP
from poser.types import PoserError, Step, Trajectory

FORMS = ("jsonl", "parquet", "minari")


def rows(episodes: Iterable[Trajectory]) -> Iterator[dict[str, Any]]:
    """One flat row a step.

    'episode' (number), 'task', 'prompt', 'turn', 'commands' (what was handed over), 'expert' ('stop' at the end),
    'scope', 'accepted', 'score' [0, 1], 'value' of the picture afterwards [0, 1], 'seconds', 'usd' of the call,
    'failure' (its kind), 'reward' and its terms as 'reward:NAME', 'ended', 'policy'. None where there is no number.
    """
    for number, episode in enumerate(episodes):
        for step in episode.steps:
            yield {"episode": number, "task": episode.task.id, "prompt": episode.task.prompt} | _row(
                step, episode.policy
            )


def _row(step: Step, policy: str) -> dict[str, Any]:
    result, terms = step.result, {f"reward:{name}": value for name, value in step.reward.items() if name != "total"}
    told = {
        "turn": step.before.turn,
        "commands": "; ".join(command.text for command in carried_out(step.before.plan, step.action.scope)),
        "expert": step.action.expert or "stop",
        "scope": step.action.scope,
        "accepted": step.accepted,
        "score": step.critique.score if step.critique else math.nan,
        "value": step.after.value,
        "seconds": result.seconds if result else 0.0,
        "usd": result.usd if result else 0.0,
        "failure": result.failure.kind if result and result.failure else "",
        "reward": step.reward["total"],
        **terms,
        "ended": step.after.ended,
        "policy": policy,
    }
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in told.items()
    }


def write_table(episodes: Iterable[Trajectory], path: Path, form: str) -> int:
    """Writes the rows; gives their number. Raises `PoserError` for episodes without a step, and without pyarrow."""
    found = list(rows(episodes))
    if not found:
        raise PoserError("the recorded episodes have no step; record with poser train or poser run")
    if form == "jsonl":
        write_whole(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in found).encode())
        return len(found)
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise PoserError("Parquet needs pyarrow; type: pip install 'poser[export]', or take --form jsonl") from None
    names = list(dict.fromkeys(name for row in found for name in row))
    table = pyarrow.Table.from_pydict({name: [row.get(name) for row in found] for name in names})
    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, buffer)
    write_whole(path, buffer.getvalue().to_pybytes())
    return len(found)


def write_minari(episodes: Iterable[Trajectory], dataset_id: str, mdp: MDP, observer: Observer) -> int:
    """Writes a Minari dataset, where `MINARI_DATASETS_PATH` says, else into its own folder; gives the number of steps.

    Observations are the observer's ('state', 'cards', 'mask'), one more than actions in an episode; rewards are those
    of the transition as it is now. Raises `PoserError`: no usable step, a name that is taken or none, no Minari.
    """
    try:
        import minari
        from gymnasium.spaces import Discrete
        from minari.data_collector import EpisodeBuffer
    except ModuleNotFoundError:
        raise PoserError("Minari datasets need minari; type: pip install 'poser[export]'") from None
    made: list[Any] = []
    for episode in episodes:
        steps = known(episode, mdp, observer)
        if steps:
            seen = [rows[0] for _, rows in steps] + [steps[-1][1][1]]
            slots = np.asarray([mdp.actions.slots.index(step.action) for step, _ in steps], np.int64)
            rewards = [_earned(mdp, step) for step, _ in steps]
            last = [False] * (len(steps) - 1) + [True]
            made.append(
                EpisodeBuffer(
                    id=len(made),
                    seed=episode.task.seed,
                    observations={name: np.stack([row[name] for row in seen]) for name in seen[0]},
                    actions=slots,
                    rewards=rewards,
                    terminations=last,
                    truncations=[False] * len(steps),
                )
            )
    if not made:
        raise PoserError("no recorded step has an action of this preset; record with poser train")
    try:
        minari.create_dataset_from_buffers(
            dataset_id,
            made,
            algorithm_name="poser",
            action_space=Discrete(len(mdp.actions.slots)),
            observation_space=observer.space,
            description=f"Episodes of poser over {', '.join(mdp.actions.cards)}; actions are slots: "
            + ", ".join(map(str, mdp.actions.slots)),
            data_format="arrow",
            requirements=["poser"],
        )
    except (ValueError, AssertionError, FileExistsError, ImportError) as error:
        raise PoserError(
            f"no dataset {dataset_id!r} ({error!s:.160}); write a free name such as poster/mine-v0"
        ) from None
    return sum(len(buffer.rewards) for buffer in made)


def _earned(mdp: MDP, step: Step) -> float:
    earned = mdp.earned(step.before, step.action, step.result, step.critique, step.accepted, step.after)
    return float(earned["total"])

"""Training checkpoints: everything that a run needs to go on as if it had never stopped. No pickle.

`FOLDER/000007/` holds `model.safetensors` (both networks, the optimizer, the last observations), `buffer.safetensors`
(only the rows that are filled) and `state.json` (counters, random states, where the episodes stand). A checkpoint is
written under another name and renamed once it is whole, then the older one is removed: whenever a run is killed, one
whole checkpoint is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from poser.learning.buffer import ARRAYS, NStepBuffer
from poser.learning.learner import MaskedDQN
from poser.learning.train_config import TrainConfig
from poser.types import PoserError

FORMAT = 3
FILES = ("state.json", "model.safetensors", "buffer.safetensors")
COUNTERS = ("num_timesteps", "_episode_num", "_n_calls", "_n_updates", "online_updates", "illegal")
MAY_CHANGE = ("total_timesteps", "n_envs")
"""Settings that may differ from the checkpoint's: a run may be made longer, and the environment checks its own size."""


def save(model: MaskedDQN, env: Any, folder: str | os.PathLike[str], note: Any = None) -> Path:
    """Writes a checkpoint between two turns and removes the older ones; gives its folder.

    Args:
        env: the model's environment, which has `state()` and `restore(data)` as `PoserVecEnv` has; None for a learner
            that only studies.
        note: JSON data of the caller's, given back by `resume`.

    Raises OSError.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    older = _whole(folder)
    number = int(older[-1].name) + 1 if older else 1
    part, whole = folder / f".{number:06d}.part", folder / f"{number:06d}"
    _remove(part)
    part.mkdir(exist_ok=True)
    save_file(_tensors(model), part / "model.safetensors")
    save_arrays(_rows(model.replay_buffer), part / "buffer.safetensors")
    (part / "state.json").write_text(json.dumps(_state(model, env) | {"note": note}), "utf-8")
    for path in (*part.iterdir(), part):
        _settle(path)
    os.rename(part, whole)
    _settle(folder)
    tidy(folder)
    return whole


def tidy(folder: str | os.PathLike[str]) -> None:
    """Removes all but the newest checkpoint, and what killed ones left. Never raises OSError."""
    folder = Path(folder)
    for path in folder.glob(".*.part"):
        _remove(path)
    newest = _whole(folder)[-1:]
    for path in folder.glob("[0-9]*"):
        if path.name.isdigit() and path not in newest:
            _remove(path)


def exists(folder: str | os.PathLike[str]) -> bool:
    """Whether there is a whole checkpoint to go on from."""
    return bool(_whole(Path(folder)))


def resume(
    folder: str | os.PathLike[str], env: Any, config: TrainConfig, log: str | None = None
) -> tuple[MaskedDQN, Any]:
    """The learner of the newest checkpoint, which does next what it would have done without the stop, and its note.

    `env`, `config` and `log` are those of `MaskedDQN`.

    Raises PoserError: no checkpoint there, a damaged one, one of another version, config, experts or environment.
    """
    found = _whole(Path(folder))
    if not found:
        raise PoserError(f"no checkpoint in {str(folder)!r}; train without --resume, or give the folder of a run")
    try:
        state = json.loads((found[-1] / "state.json").read_text("utf-8"))
        _check(state, config)
        tensors, rows = load_file(found[-1] / "model.safetensors"), load_arrays(found[-1] / "buffer.safetensors")
        model = MaskedDQN(env, config, log=log)
        _fill_buffer(model.replay_buffer, rows, state["buffer"])
        _fill_model(model, tensors)
        if model.env is not None:
            env.restore(state["env"])
        _fill_state(model, state)
        torch.set_rng_state(tensors["random"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        line = str(error).strip().split("\n")[-1].strip()
        raise PoserError(f"checkpoint {str(found[-1])!r} cannot be used ({line:.160}); begin a new run") from None
    tidy(folder)
    return model, state["note"]


def _whole(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    named = (path for path in folder.glob("[0-9]*") if path.name.isdigit() and not path.is_symlink())
    return sorted(path for path in named if (path / "state.json").is_file())


def _remove(path: Path) -> None:
    """Removes a checkpoint's own files, the one that makes it whole first, and its folder unless more is there."""
    if path.is_symlink() or not path.is_dir():
        return
    with contextlib.suppress(OSError):
        for name in FILES:
            (path / name).unlink(missing_ok=True)
        path.rmdir()


def _settle(path: Path) -> None:
    """Waits until a file or folder is on the disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tensors(model: MaskedDQN) -> dict[str, torch.Tensor]:
    """Networks, optimizer and last observations, by name."""
    found = {f"online.{name}": value for name, value in model.q_net.state_dict().items()}
    found |= {f"target.{name}": value for name, value in model.q_net_target.state_dict().items()}
    for k, part in model.policy.optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{k}.{name}": value for name, value in part.items()}
    found |= {f"last.{name}": torch.as_tensor(value) for name, value in (model._last_obs or {}).items()}
    found["random"] = torch.get_rng_state()
    return {name: value.contiguous().clone() for name, value in found.items()}


def _fill_model(model: MaskedDQN, tensors: Mapping[str, torch.Tensor]) -> None:
    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

    model.q_net.load_state_dict(part("online."))
    model.q_net_target.load_state_dict(part("target."))
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in part("optimizer.").items():
        k, _, moment = name.partition(".")
        moments.setdefault(int(k), {})[moment] = value
    groups = model.policy.optimizer.state_dict()["param_groups"]
    model.policy.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    model._last_obs = {name: value.numpy() for name, value in part("last.").items()} or None


def _rows(buffer: NStepBuffer) -> dict[str, np.ndarray]:
    """The filled rows of every array."""
    size = buffer.size()
    found = {name: getattr(buffer, name)[:size] for name in ARRAYS}
    for side in ("observations", "next_observations"):
        found |= {f"{side}.{key}": values[:size] for key, values in getattr(buffer, side).items()}
    return found


def _fill_buffer(buffer: NStepBuffer, rows: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
    size = len(rows["actions"])
    buffer.pos, buffer.full = int(state["pos"]), bool(state["full"])
    if size != buffer.size():
        raise ValueError(f"the buffer has {size} rows, not {buffer.size()}")
    for name, mine in _rows(buffer).items():
        if mine.shape != rows[name].shape:
            raise ValueError(f"the buffer's {name} are {rows[name].shape}, not {mine.shape}")
        mine[...] = rows[name]
    buffer.rng.bit_generator.state = state["random"]


def _state(model: MaskedDQN, env: Any) -> dict[str, Any]:
    """What is no array, as JSON data."""
    buffer, told = model.replay_buffer, np.random.get_state(legacy=False)
    return {
        "format": FORMAT,
        "train_config": model.config.model_dump(mode="json"),
        "counters": {name: getattr(model, name) for name in COUNTERS},
        "buffer": {"pos": buffer.pos, "full": buffer.full, "random": buffer.rng.bit_generator.state},
        "random": {
            "actions": model.action_rng.bit_generator.state,
            "numpy": {**told, "state": {**told["state"], "key": told["state"]["key"].tolist()}},
            "python": random.getstate(),
            "slots": model.action_space.np_random.bit_generator.state,
        },
        "episodes": [{key: float(value) for key, value in row.items()} for row in model.ep_info_buffer or ()],
        "env": env.state() if env is not None else None,
    }


def _fill_state(model: MaskedDQN, state: Mapping[str, Any]) -> None:
    for name in COUNTERS:
        setattr(model, name, int(state["counters"][name]))
    model.ep_info_buffer = deque(state["episodes"], model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    model.exploration_rate = model.epsilon()
    told = state["random"]
    model.action_rng.bit_generator.state = told["actions"]
    model.action_space.np_random.bit_generator.state = told["slots"]
    inner = told["numpy"]["state"]
    np.random.set_state({**told["numpy"], "state": {**inner, "key": np.asarray(inner["key"], np.uint32)}})
    version, words, gauss = told["python"]
    random.setstate((version, tuple(words), gauss))


def _check(state: Mapping[str, Any], config: TrainConfig) -> None:
    if state["format"] != FORMAT:
        raise PoserError(
            f"the checkpoint has format {state['format']!r}, this version reads {FORMAT}; train anew into another "
            "--out, with --offline and the folder of this run to learn from its recorded episodes"
        )
    wanted = config.model_dump(mode="json")
    for name, there in state["train_config"].items():
        if name not in MAY_CHANGE and there != wanted.get(name):
            here = wanted.get(name)
            raise PoserError(f"the checkpoint was trained with {name} {there!r}, this run has {here!r}; give the same")

"""Policies on the Hugging Face hub: pushed as a folder is, with a card written from it, and loaded by `hf://OWNER/NAME`.

Two files are read, each within its limit, before anything of them is used; `policy_file` checks them as it does any
folder. No pickle, no code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experts.hub import cache, fetch
from experts.hub.names import REVISION, pinned
from poser.learned import policy_file
from poser.types import PoserError

PREFIX = "hf://"
NAME = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
CARD, LOG = "README.md", "log.jsonl"
FILES = {policy_file.ABOUT: policy_file.MAX_ABOUT, policy_file.WEIGHTS: policy_file.MAX_WEIGHTS}
"""Bytes of a file at most."""
TOLD = ("calls", "returns", "value", "satisfied", "steps", "seconds", "usd")
"""What a card says of the last measurement."""


def folder(where: str) -> Path:
    """The folder of 'hf://OWNER/NAME' or 'hf://OWNER/NAME@COMMIT', fetched where it is not here.

    Raises `PoserError`: no such name, nothing there, too large, or it cannot be fetched.
    """
    repo, _, revision = where.removeprefix(PREFIX).partition("@")
    if not NAME.fullmatch(repo) or (revision and not REVISION.fullmatch(revision)):
        raise PoserError(f"no policy on the hub is called {where!r}; write {PREFIX}OWNER/NAME, perhaps with @COMMIT")
    place: Path | None = None
    try:
        for name, limit in FILES.items():
            need = pinned(f"{repo}/{name}", revision)
            if not cache.cached(need):
                what = fetch.plan(need)
                if what.size > limit:
                    raise PoserError(f"{need} has {what.size} bytes; a policy's has at most {limit}")
                fetch.fetch(what)
            place = cache.snapshot(need)
    except fetch.NotHere as error:
        raise PoserError(str(error)) from None
    assert place is not None
    return place


def push(source: Path, repo: str, private: bool = True, license: str = "") -> str:
    """Pushes a policy's two files and a card; gives the address of the commit.

    Args:
        source: a folder that 'poser train' wrote; repo: 'OWNER/NAME', created where there is none.
        private: of a new repository; license: an id of the hub for the card, '' for none.

    Raises `PoserError`: no policy there, no such name, or the hub refuses.
    """
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi, constants, errors

    if not NAME.fullmatch(repo):
        raise PoserError(f"{repo!r} is no name on the hub; write OWNER/NAME")
    about, _ = policy_file.load(source)
    files = {CARD: card(about, measured(source), repo, license).encode()}
    files |= {name: (source / name).read_bytes() for name in FILES}
    try:
        api = HfApi(endpoint=constants.ENDPOINT)
        api.create_repo(repo, private=private, exist_ok=True)
        made = [CommitOperationAdd(name, data) for name, data in files.items()]
        return str(api.create_commit(repo, made, commit_message="A policy of poser").commit_url)
    except (errors.HfHubHTTPError, httpx2.HTTPError, errors.OfflineModeIsEnabled, ValueError) as error:
        words = " ".join(str(error).split())[:160]
        raise PoserError(f"the hub does not take {repo} ({words}); check the name, and type: hf auth login") from None


def measured(source: Path) -> list[dict[str, Any]]:
    """The measurements of a policy's training, where its log is there and can be read."""
    try:
        with open(source / LOG, "rb") as file:
            lines = file.read(2**22).decode().splitlines()
        return [row for row in map(json.loads, lines) if isinstance(row, dict)]
    except (OSError, ValueError, RecursionError):
        return []


def card(about: Mapping[str, Any], log: Sequence[Mapping[str, Any]], repo: str, license: str = "") -> str:
    """The model card of a policy: how it is run, what it chooses from, how it was trained, what was measured."""
    experts = list(dict.fromkeys(slot.rpartition("/")[0] for slot in about["actions"]["slots"] if "/" in slot))
    head = [
        "---",
        "library_name: poser",
        "pipeline_tag: reinforcement-learning",
        "tags: [poser, reinforcement-learning]",
    ]
    head += [f"license: {license}"] if license else []
    config, kind = about.get("train_config", {}), about["network"]["kind"]
    name = "paper-dqn" if kind == "flat" else "dqn"
    parts = [
        "\n".join([*head, "---"]),
        f"# {repo.partition('/')[2]}",
        "A policy of `poser`: it chooses which image model carries out which part of an instruction.",
        f"```\nposer run PROMPT --policy {name}:{PREFIX}{repo}\n```",
        f"Network: {kind}. It was trained with the experts {', '.join(f'`{expert}`' for expert in experts)}"
        + (f" and the critic `{about['critic']}`" if "critic" in about else "")
        + (f" on `{about['tasks']}`." if "tasks" in about else "."),
    ]
    if log:
        last = log[-1]
        rows = [f"| {key} | {last[key]} |" for key in TOLD if key in last]
        parts += ["The last measurement on held-out tasks, in the critic's eyes (mean an episode):"]
        parts += ["\n".join(["| figure | value |", "|---|---|", *rows])]
    if isinstance(about.get("calibration"), Mapping):
        parts += [f"Predicted and realised returns differ by {about['calibration']['error']} on average."]
    if isinstance(about.get("chosen"), Mapping):
        parts += [f"Its seed was chosen by rule: {about['chosen'].get('rule')}."]
    settings = [f"| `{key}` | `{value}` |" for key, value in config.items()]
    parts += ["\n".join(["| setting | value |", "|---|---|", *settings])] if settings else []
    return "\n\n".join(parts) + "\n"

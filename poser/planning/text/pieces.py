"""Commands as a language model gives them: their form, what is wrong with them, and the commands that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import ConfigDict

from experts.types import Verb
from poser.llm import Form
from poser.planning.text.grounded import locate, missing
from poser.types import Command, End, Plan

LONGEST = 2000
"""Characters of a command."""
LOST, ADDED = 0.2, 0.5
"""Share of the prompt's meaning words that a plan may leave out, and of a command's that may be none of the prompt's:
rewriting brings words of its own ('recolour'), inventing brings mostly those."""


class Piece(Form):
    """One command."""

    text: str
    verb: Verb
    words: str


Kind = Literal["prohibition", "condition", "unclear", "impossible"]
ENDS: dict[Kind, End] = {
    "prohibition": "done",
    "condition": "done",
    "unclear": "not understood",
    "impossible": "not possible",
}
"""How what is no work ends: a prohibition and a condition that does not hold need no call."""


class Aside(Form):
    """A stretch of the prompt that is no work for an image model."""

    text: str
    kind: Kind
    why: str


class Pieces(Form):
    """A whole plan."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "required": ["commands", "asides"]})

    commands: tuple[Piece, ...]
    asides: tuple[Aside, ...] = ()


class Change(Piece):
    """A command that stands for old ones."""

    numbers: tuple[int, ...]


class Revision(Form):
    """What is pending from now on, and what is given up."""

    pending: tuple[Change, ...]
    drop: tuple[int, ...]


def wrong_with(plan: Pieces, prompt: str, most: int) -> str:
    """What is wrong with a plan of a prompt, in words for the model; '' where nothing is."""
    pieces, aside = plan.commands, [aside.text for aside in plan.asides]
    if any(missing(text, [prompt]) > 0 for text in aside):
        return 'the "text" of every aside must be copied from the prompt'
    if not pieces and not aside:
        return "there is no command"
    return _misshapen(pieces, most) or _added(pieces, [prompt]) or _lost(pieces, prompt, aside)


def _misshapen(pieces: Sequence[Piece], most: int) -> str:
    if len(pieces) > most:
        return f"there are {len(pieces)} commands; at most {most} are allowed"
    for number, piece in enumerate(pieces, start=1):
        if not piece.text.strip():
            return f'command {number} has no "text"'
        if max(len(piece.text), len(piece.words)) > LONGEST:
            return f"command {number} is longer than {LONGEST} characters"
    return ""


def _added(pieces: Sequence[Piece], allowed: Sequence[str]) -> str:
    """The first command that asks for what nobody asked for, in words."""
    strange = (n for n, p in enumerate(pieces, 1) if max(missing(p.text, allowed), missing(p.words, allowed)) > ADDED)
    number = next(strange, 0)
    return f"command {number} asks for something that the user did not ask for" if number else ""


def _lost(pieces: Sequence[Piece], source: str, aside: Sequence[str] = ()) -> str:
    lost = missing(source, [*aside, *(part for piece in pieces for part in (piece.text, piece.words))])
    return f"{lost:.0%} of what the user asked for is in no command" if lost > LOST else ""


def plan_of(pieces: Pieces, prompt: str, note: str) -> Plan:
    """The first plan: the commands, and what is no work with its end."""
    commands = commands_of(pieces.commands, prompt)
    aside = [
        Command(said.text, span=locate(said.text, prompt), end=ENDS[said.kind], reason=said.why)
        for said in pieces.asides
    ]
    return Plan(
        current=commands[0] if commands else None,
        remaining=commands[1:],
        settled=tuple(command for command in aside if command.end == "done"),
        dropped=tuple(command for command in aside if command.end != "done"),
        note=note,
    )


def commands_of(pieces: Sequence[Piece], prompt: str) -> tuple[Command, ...]:
    """The commands, each with its span where its text is a stretch of the prompt."""
    commands: list[Command] = []
    at = 0
    for piece in pieces:
        command = _command(piece, prompt, at)
        at = command.span[1] if command.span else at
        commands.append(command)
    return tuple(commands)


def _command(piece: Piece, prompt: str, start: int) -> Command:
    span = locate(piece.text, prompt, start)
    text = prompt[slice(*span)] if span else " ".join(piece.text.split())
    words = " ".join(piece.words.split())
    return Command(text, piece.verb, span, "" if words == text else words)


def wrong_with_revision(revision: Revision, pending: Sequence[Command], prompt: str, most: int) -> str:
    """What is wrong with a revision of `pending` (each with its `failed` attempts); '' where nothing is."""
    kept = [c for n, c in enumerate(pending, start=1) if n not in revision.drop]
    said = [part for command in pending for part in (command.text, command.words)]
    return (
        _misnumbered(revision, pending)
        or _misshapen(revision.pending, most)
        or _added(revision.pending, [prompt, *said])
        or (_lost(revision.pending, " ".join(command.text for command in kept)) if kept else "")
        or ("" if revision.pending or not kept else "there is no command")
    )


def _misnumbered(revision: Revision, pending: Sequence[Command]) -> str:
    known, dropped = set(range(1, len(pending) + 1)), set(revision.drop)
    used = {number for change in revision.pending for number in change.numbers}
    if (used | dropped) - known:
        return f"there are only the numbers 1 to {len(pending)}"
    if used & dropped:
        return f"number {min(used & dropped)} is both dropped and pending"
    if known - used - dropped:
        return f"number {min(known - used - dropped)} is neither pending nor dropped"
    if not all(change.numbers for change in revision.pending):
        return 'a pending command has no "numbers"'
    early = sorted(number for number in dropped if not pending[number - 1].failed)
    return f"number {early[0]} has not failed yet and cannot be dropped" if early else ""


def revised(revision: Revision, pending: Sequence[Command], prompt: str) -> tuple[Command, ...]:
    """The new pending commands. One that stands for old ones brings along the failed attempts of the worst of them."""
    found = []
    for change in revision.pending:
        old = [pending[number - 1] for number in change.numbers]
        command = _command(change, prompt, 0)
        same = len(old) == 1 and old[0].wording == command.wording
        found.append(replace(old[0] if same else command, failed=max(c.failed for c in old)))
    return tuple(found)

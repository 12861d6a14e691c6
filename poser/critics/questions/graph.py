"""Questions about free text as a dependency graph (DSG), and about what of the input picture must still be there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from poser.critics.questions import words as w
from poser.critics.questions.asking import Ask, Talk, joint, mean
from poser.critics.questions.nodes import Node, clears, nodes_of, shows, taken_for_granted
from poser.critics.questions.phrases import singular
from poser.types import Answer, Command, Critique, Look, Premise


@dataclass(frozen=True)
class Part:
    """A command and those of its nodes that later commands left standing, with their numbers in its own graph."""

    command: Command
    nodes: tuple[tuple[int, Node], ...]


def parts(commands: Sequence[Command]) -> tuple[Part, ...]:
    """Every command with what it still asks for after the later ones: a car that was painted since is no longer red."""
    made = [nodes_of(command) for command in commands]
    void = [clears(command, nodes) for command, nodes in zip(commands, made, strict=True)]
    found = []
    for k, (command, nodes) in enumerate(zip(commands, made, strict=True)):
        later = [pair for pairs in void[k + 1 :] for pair in pairs]
        left = tuple((n, node) for n, node in enumerate(nodes) if not any(_voids(p, node, command) for p in later))
        found.append(Part(command, left))
    return tuple(found)


def _voids(pair: tuple[str, str], node: Node, command: Command) -> bool:
    noun, kind = pair
    if kind in ("restyle", "relight"):
        return node.kind == "whole" and command.verb == kind
    if noun != "*" and noun not in node.about:
        return False
    if kind == "place" and node.about[:1] != (noun,):
        return False  # the cup was moved, not the table that it stands on
    return kind in ("*", node.kind)


def topics(commands: Sequence[Command]) -> dict[str, str]:
    """What an input picture may hold and no command is about: topic -> question; {} where all is drawn anew.

    Topics are those of `words.TOPICS`, and the things that commands speak of as being there ('the table').
    """
    graphs = [nodes_of(command) for command in commands]
    verbs = {command.verb for command in commands}
    if "generate" in verbs:
        return {}
    changed: set[str] = set()
    for command, nodes in zip(commands, graphs, strict=True):
        for node in nodes:
            gone = node.kind == "absent" or (node.kind == "whole" and command.verb in ("remove", "replace", "other"))
            changed.update(node.about if gone else ())
    ground = "background" in verbs or any(node.kind == "background" for nodes in graphs for node in nodes)
    found = {
        topic: shows(topic)
        for topic, nouns in w.TOPICS.items()
        if not changed & {singular(noun) for noun in nouns}
        and not (ground and topic in w.SETTING)
        and not (topic == "the sky" and verbs & {"relight"})
    }
    for nodes in graphs:
        for node in nodes:
            if node.given and not set(node.about) & changed:
                found.setdefault(" ".join(node.about), node.question)
    return found


def gated(part: Part, yes: dict[str, float]) -> dict[int, bool]:
    """Which nodes count, by number: those whose parents all hold, and the parents' parents."""
    holds: dict[int, bool] = {}
    counts: dict[int, bool] = {}
    for n, node in part.nodes:
        counts[n] = all(holds.get(parent, True) for parent in node.parents)
        holds[n] = counts[n] and not _score(node, yes) < 0.5
    return counts


def _score(node: Node, yes: dict[str, float]) -> float:
    p = yes[node.question]
    return p if node.wanted else 1.0 - p


class Graph:
    """Asks for every thing, attribute, number and relation of every command, and for what must have been kept.

    A command's score is the probability that all its nodes hold, their product: P(child | parent) times P(parent). A
    child whose parent does not hold is not complained about: a cat that is not there is not 'not black'. `kept`: the
    share of what the input picture shows (P(yes) above 0.5 there) that the candidate still shows.
    """

    id = "graph-1"

    def judge(self, look: Look) -> Talk:
        """One round about candidate and input picture, a second where the input picture holds something to keep."""
        commands = look.earlier + look.wanted
        found = parts(commands)
        granted = premises(look.next)
        asked = list(dict.fromkeys(node.question for part in found for _, node in part.nodes))
        asked = list(dict.fromkeys([*asked, *(node.question for nodes in granted for node in nodes)]))
        held = topics(commands) if look.start is not None else {}
        first = [Ask(look.image, question) for question in asked]
        first += [Ask(look.start, question) for question in held.values() if look.start is not None]
        answers: Sequence[float] = (yield first) if first else []
        yes = dict(zip(asked, answers, strict=False))
        before = dict(zip(held, answers[len(asked) :], strict=True))
        there = [topic for topic, p in before.items() if p > 0.5]
        again = [topic for topic in there if held[topic] not in yes]
        if again:
            more = yield [Ask(look.image, held[topic]) for topic in again]
            yes |= {held[topic]: p for topic, p in zip(again, more, strict=True)}
        critique = _critique(look, found, yes, {topic: held[topic] for topic in there})
        return replace(critique, premises=tuple(_premise(nodes, yes) for nodes in granted))


def premises(commands: Sequence[Command]) -> list[tuple[Node, ...]]:
    """What each of these commands takes for granted, less what one before it brings about: that cannot be asked yet."""
    found, coming = list[tuple[Node, ...]](), set[str]()
    for command in commands:
        found.append(tuple(node for node in taken_for_granted(command) if not set(node.about) & coming))
        coming |= {noun for node in nodes_of(command) for noun in node.about}
    return found


def _premise(nodes: Sequence[Node], yes: dict[str, float]) -> Premise:
    """The weakest of what a command takes for granted."""
    scores = [(yes[node.question], node.fault) for node in nodes if not math.isnan(yes[node.question])]
    return Premise(*min(scores)) if scores else Premise()


def _critique(look: Look, found: Sequence[Part], yes: dict[str, float], held: dict[str, str]) -> Critique:
    """Scores, feedback and answers from all that was said."""
    scores = tuple(joint([_score(node, yes) for _, node in part.nodes]) for part in found)
    faults = [
        node.fault
        for part in (*found[len(look.earlier) :], *found[: len(look.earlier)])
        for n, node in part.nodes
        if gated(part, yes)[n] and _score(node, yes) < 0.5
    ]
    lost = [f"{topic} is no longer there" for topic, question in held.items() if yes[question] < 0.5]
    broken = [
        node.fault
        for part in found[: len(look.earlier)]
        for n, node in part.nodes
        if gated(part, yes)[n] and _score(node, yes) < 0.5
    ]
    faults += lost
    wanted = {node.question: node.wanted for part in found for _, node in part.nodes}
    kept = [yes[question] for question in held.values()]
    return Critique(
        wanted=scores[len(look.earlier) :],
        earlier=scores[: len(look.earlier)],
        kept=mean(kept) if all(map(math.isfinite, kept)) else math.nan,
        feedback="; ".join(dict.fromkeys(faults)),
        harmed=tuple(dict.fromkeys([*broken, *lost])),
        answers=tuple(Answer(question, p, wanted.get(question, True)) for question, p in yes.items()),
    )

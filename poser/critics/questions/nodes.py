"""What one command asks of a picture, as questions that depend on each other (Davidsonian scene graph, Cho et al. 2024,
arXiv:2310.18235): a thing, then its attributes, its number and where it stands. By rules, from the words alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from poser.critics.questions import words as w
from poser.critics.questions.asking import data, in_words
from poser.critics.questions.phrases import Phrase, adjective, nouns, phrase
from poser.planning.text.keywords import bare, keyword
from poser.types import Command


@dataclass(frozen=True)
class Node:
    """A question of a command.

    Attributes:
        kind: entity, count, colour, size, look, place, absent, background, text or whole (the command in one question).
        parents: numbers of the nodes of the same command that must hold for this one to mean anything.
        about: the nouns it is about, singular.
        fault: what to say where it does not hold.
        given: it is about something that was there before ('the table' in 'put a vase on the table').
    """

    kind: str
    question: str
    wanted: bool = True
    parents: tuple[int, ...] = ()
    about: tuple[str, ...] = ()
    fault: str = ""
    given: bool = False


def thing(made: Phrase, start: int) -> list[Node]:
    """A phrase's nodes; they are numbered from `start`."""
    about, nodes = (made.head,), []
    nodes.append(
        Node("entity", shows(made.some), about=about, fault=f"{made.some} {made.be} missing", given=made.definite)
    )
    for kind, word in made.adjectives:
        question = f'{made.be.capitalize()} "{made.name}" in this picture "{word}"?'
        nodes.append(Node(kind, question, parents=(start,), about=about, fault=f"{made.name} {made.be} not {word}"))
    if made.count:
        number = f"exactly {made.count} {made.noun}"
        nodes.append(Node("count", shows(number), parents=(start,), about=about, fault=f"there are not {number}"))
    return nodes


def shows(text: str) -> str:
    """The question whether a picture shows what the words say."""
    return f'Does this picture show "{text}"?'


def scene(text: str) -> list[Node]:
    """The nodes of a description: its parts between commas and 'and', each a thing, perhaps in relation to others.

    A part that is not understood is one question in its own words.
    """
    nodes: list[Node] = []
    for part in w.JOINT.split(text):
        if part and part.strip():
            nodes += part_of(part.strip(" ."), len(nodes))
    return nodes


def part_of(text: str, start: int) -> list[Node]:
    """The nodes of one part of a description, numbered from `start`."""
    pieces = w.RELATION.split(f" {text} ".lower())
    first = phrase(pieces[0]) or _predicated(pieces[0])
    if first is None:
        return [Node("entity", shows(text), about=nouns(text), fault=f"'{text}' is missing")]
    nodes, owner, at = thing(first, start), first, start
    for relation, other in zip(pieces[1::2], pieces[2::2], strict=True):
        target = None if w.PLACED.match(other.strip()) else phrase(other)
        parents, about = [at], [owner.head]
        if target is not None:
            parents.append(start + len(nodes))
            about.append(target.head)
            nodes += thing(target, start + len(nodes))
        where = f"{relation} {other.strip() if target is None else target.some}"
        question = f'{owner.be.capitalize()} "{owner.name}" "{where}" in this picture?'
        fault = f"{owner.name} {owner.be} not {where}"
        nodes.append(Node("place", question, True, tuple(parents), tuple(about), fault))
        if target is not None:
            owner, at = target, parents[1]
    return nodes


def _predicated(text: str) -> Phrase | None:
    """'the sky is blue' -> 'the blue sky'."""
    sides = w.COPULA.split(text.strip())
    if len(sides) != 2 or not adjective(sides[1].strip()):
        return None
    subject = phrase(sides[0])
    word = sides[1].strip()
    return replace(subject, adjectives=(*subject.adjectives, (adjective(word), word))) if subject else None


REMOVE = re.compile(
    r"^(?:remove|delete|erase|eliminate|get rid of|take (?:away|out)|drop|clear)\s+(.+?)"
    r"(?:\s+from (?:the |this )?(?:picture|image|photo|scene|background|foreground|poster))?$"
)
REPLACE = re.compile(
    r"^(?:replace|swap|exchange|substitute)\s+(.+?)\s+(?:with|by|for)\s+(.+)$|"
    r"^(?:turn|change|transform|convert)\s+(.+?)\s+into\s+(.+)$"
)
MAKE = re.compile(
    r"^(?:make|turn|paint|colou?r|dye|change|recolou?r|tint)\s+(?:the colou?r of\s+)?(.+?)\s+"
    r"(?:(?:colou?r\s+)?to\s+)?([\w-]+)$"
)
MOVE = re.compile(
    r"^(?:move|shift|slide|bring|relocate|send|put|place)\s+(.+?)\s+((?:on|in|at|under|behind|above|below|beside|near|"
    r"next|between|inside|over|against|to|into|onto|closer|further)\b.+)$"
)
ADD = re.compile(r"^(?:add|insert|include|put|place|draw|paint|attach|there (?:is|are)|with)\s+(.+)$")
GROUND = re.compile(
    r"\b(?:background|backdrop)\b(?:\s+of (?:the )?(?:picture|image|photo|poster))?\s*"
    r"(?:to be|to|into|with|is|by|:)?\s*(.+)$|"
    r"^(?:add|use|put|set)\s+(.+?)\s+(?:as (?:the )?|in the )?(?:background|backdrop)$"
)
WRITE = re.compile(r"'([^']{1,200})'|\b(?:says|saying|reads|reading)\s+(.{1,200})$")


def nodes_of(command: Command) -> tuple[Node, ...]:
    """What a command asks for; one question in its own words where its words are not understood."""
    text = bare(data(command.wording)).strip(" .!")
    verb = command.verb if command.verb != "other" else keyword(text)
    plain = text.lower()
    found: list[Node] = []
    if verb == "remove":
        found = _removed(plain)
    elif verb == "replace" and (hit := REPLACE.match(plain)):
        old, new = [part for part in hit.groups() if part]
        found = _replaced(old, new)
    elif verb in ("recolour", "resize") and (hit := MAKE.match(plain)):
        found = _made(hit[1], hit[2])
    elif verb == "move" and (hit := MOVE.match(plain)):
        where = re.sub(r"^to\s+(?=the\s+(?:left|right|top|bottom|cent\w+|middle)(?!\s+of))", "at ", hit[2])
        found = part_of(f"{hit[1]} {where}", 0)
    elif verb == "background" and (hit := GROUND.search(plain)):
        ground = next(part for part in hit.groups() if part)
        found = [_ground(ground)]
    elif verb == "write" and (hit := WRITE.search(text)):
        said = (hit[1] or hit[2]).strip()
        found = [
            Node("text", f'Are the words "{said}" written in this picture?', fault=f"the words '{said}' are missing")
        ]
    elif verb == "add" and (hit := ADD.match(plain)):
        found = scene(hit[1])
    elif verb == "generate":
        found = scene(w.VERBS.sub("", w.LEAD.sub("", text)).lower())
    return tuple(found) if found else (_whole(command, text),)


def _whole(command: Command, text: str) -> Node:
    return Node("whole", in_words(command), about=nouns(text), fault=f"not done: {command.text}")


def _ground(words: str) -> Node:
    words = re.sub(r"^(?:an?|the)\s+", "", words)
    return Node("background", f'Is the background of this picture "{words}"?', fault=f"the background is not {words}")


def _removed(text: str) -> list[Node]:
    hit = REMOVE.match(text)
    parts = w.JOINT.split(hit[1]) if hit else []
    if not parts or any(re.match(r"(?:all|everything|every|anything|it|them)\b", part) for part in parts):
        return []
    return [_gone(part.strip()) for part in parts if part.strip()]


def _gone(text: str) -> Node:
    made = phrase(w.RELATION.split(f" {text} ")[0])
    about = (made.head,) if made else nouns(text)
    return Node("absent", shows(text), wanted=False, about=about, fault=f"still there: {text}")


def _replaced(old: str, new: str) -> list[Node]:
    made, gone, named = scene(new), _gone(old), phrase(old)
    same = any(set(gone.about) & set(node.about) for node in made)
    told_apart = named is not None and bool(named.adjectives)  # 'the red car with a blue car'
    return made if same and not told_apart else [*made, gone]


def _made(subject: str, word: str) -> list[Node]:
    owner = phrase(subject)
    kind = adjective(word)
    if re.search(r"\bbackground\b", subject) and kind:
        return [_ground(word)]
    if owner is None or not kind:
        return []
    return thing(replace(owner, adjectives=((kind, word),), definite=True), 0)


_NOT_THINGS = re.compile(
    r"^(?:it|its|them|they|this|that|these|those|everything|all|both)\b|\b(?:background|backdrop)\b"
)


def taken_for_granted(command: Command) -> tuple[Node, ...]:
    """What a command presupposes: the things that it removes, replaces, changes or moves, and those that it adds
    something to. The question of each, and what to say where it does not hold."""
    text = bare(data(command.wording)).strip(" .!").lower()
    verb = command.verb if command.verb != "other" else keyword(text)
    things: list[str] = []
    if verb == "remove" and (hit := REMOVE.match(text)):
        things = [part for part in w.JOINT.split(hit[1]) if part]
    elif verb == "replace" and (hit := REPLACE.match(text)):
        things = [next(part for part in hit.groups() if part)]
    elif verb in ("recolour", "resize", "move") and (hit := (MOVE if verb == "move" else MAKE).match(text)):
        things = [hit[1]]
    found = [_there(thing) for thing in things if not _NOT_THINGS.search(thing.strip())]
    found += [replace(node, parents=()) for node in nodes_of(command) if node.given] if verb == "add" else []
    return tuple(node for node in found if node is not None)


def _there(text: str) -> Node | None:
    made = phrase(w.RELATION.split(f" {text.strip()} ")[0])
    if made is None:
        return None
    words = re.sub(r"^(?:the|this|that|these|those) ", "", text.strip())
    return Node("entity", shows(text.strip()), about=(made.head,), fault=f"there is no {words}")


def clears(command: Command, nodes: Sequence[Node]) -> tuple[tuple[str, str], ...]:
    """What of earlier commands this one makes void, as (noun, kind); '*' is every noun, every kind."""
    kinds = {node.kind for node in nodes}
    if command.verb == "generate":
        return (("*", "*"),)
    made: list[tuple[str, str]] = []
    for node in nodes:
        if node.kind == "absent":
            made += [(noun, "*") for noun in node.about]
        elif node.kind in ("colour", "size", "look", "count") and node.about:
            made.append((node.about[0], node.kind))
        elif node.kind == "place" and command.verb == "move" and node.about:
            made.append((node.about[0], "place"))
        elif node.kind == "entity":
            made += [(noun, "absent") for noun in node.about]
    if "background" in kinds:
        made.append(("*", "background"))
    if command.verb in ("restyle", "relight"):
        made.append(("*", command.verb))
    return tuple(made)

"""Questions about posters: what each command asks for, derived from its words by the poster world's own grammar."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace

from PIL import Image

from experts.images import likeness
from experts.poster.instruction import apply, resolve
from experts.poster.questions import Question, about, anything, background
from experts.poster.scene import COLOURS, PLACES, SHAPES, SIZES, UNKNOWN, Item, Scene, SceneError, cell
from poser.critics.questions.asking import Ask, Talk, in_words, joint, mean
from poser.critics.questions.expected import Expectation, Fact, expect, name_of
from poser.types import Answer, Command, Critique, Look, Premise

Round = Generator[list[Ask], Sequence[float], dict[str, float]]
FIELDS: dict[str, tuple[str, ...]] = {"shape": SHAPES, "colour": tuple(COLOURS), "size": SIZES}


def _ask(picture: Image.Image, questions: Iterable[str]) -> Round:
    """One round about one picture; P(yes) by question."""
    texts = list(dict.fromkeys(questions))
    if not texts:
        return {}
    answers = yield [Ask(picture, text) for text in texts]
    return dict(zip(texts, answers, strict=True))


def _best(yes: Mapping[str, float], options: Mapping[str, Question]) -> str:
    """The option with the highest P(yes)."""
    return max(options, key=lambda option: yes[str(options[option])])


def read_scene(picture: Image.Image) -> Generator[list[Ask], Sequence[float], Scene | None]:
    """What the model itself sees in a picture: which cells hold something and the background, then what each holds.

    None where it gives no verdict.
    """
    grounds = {colour: background(colour) for colour in COLOURS}
    yes = yield from _ask(picture, map(str, [*map(anything, range(9)), *grounds.values()]))
    ground = _best(yes, grounds)
    inks = {**FIELDS, "colour": tuple(colour for colour in COLOURS if colour != ground)}
    options = {
        place: {name: {v: Question("attribute", place).having(name, v) for v in inks[name]} for name in FIELDS}
        for place in range(9)
        if yes[str(anything(place))] > 0.5
    }
    yes |= yield from _ask(
        picture, (str(q) for table in options.values() for choice in table.values() for q in choice.values())
    )
    if not all(map(math.isfinite, yes.values())):
        return None
    items = [Item(place, *(_best(yes, table[name]) for name in FIELDS)) for place, table in options.items()]
    return Scene(ground, tuple(items))


def _score(fact: Fact, yes: Mapping[str, float]) -> float:
    p = yes[str(fact.question)]
    return p if fact.wanted else 1 - p


def _attributes(item: Item) -> dict[str, Question]:
    """What is asked about an item that is not as it should be."""
    return {"there": anything(item.place)} | {
        name: Question("attribute", item.place).having(name, getattr(item, name)) for name in FIELDS
    }


def _complaint(fact: Fact, scene: Scene, yes: Mapping[str, float]) -> str:
    """What is wrong, in words: 'the heart is not purple'."""
    if fact.item is None:
        return fact.words
    questions = _attributes(fact.item)
    if yes[str(questions["there"])] < 0.5:
        return f"{name_of(fact.item, scene)} is missing"
    if yes[str(questions["shape"])] < 0.5:
        return f"there is no {fact.item.shape} at the {PLACES[fact.item.place or 0]}"
    wrong = [getattr(fact.item, name) for name in ("colour", "size") if yes[str(questions[name])] < 0.5]
    return f"{name_of(fact.item, scene)} is not {' and not '.join(wrong)}" if wrong else fact.words


class Poster:
    """Asks for the facts of every command, one conjunctive question an item ('is there a big red star at the center?').

    A command's score is the product over its facts. Single attributes are asked only where an item is not as it should
    be, for the feedback. A command without a meaning in this world is asked for in its own words.
    """

    id = "poster-2"

    def judge(self, look: Look) -> Talk:
        """Reads the input picture (where there is one), then asks about the candidate and what the next commands take
        for granted there, then what exactly is wrong."""
        if look.read:
            return Critique((), seen=(yield from read_scene(look.image)))
        first = look.image if not (look.earlier or look.wanted) else look.start
        start = (yield from read_scene(first)) if first is not None else None
        commands = look.earlier + look.wanted
        hope = _expected(start, commands)
        granted = premises(hope.scene, look.next)
        facts = [fact for group in (*hope.facts, *hope.kept) for fact in group or ()]
        free = [in_words(c) for c, group in zip(commands, hope.facts, strict=True) if group is None]
        asked = [str(about(item)) for item, _ in granted if item is not None]
        yes = yield from _ask(look.image, [*(str(fact.question) for fact in facts), *free, *asked])
        wrong = [fact for fact in dict.fromkeys(facts) if _score(fact, yes) < 0.5]
        yes |= yield from _ask(
            look.image, (str(q) for fact in wrong if fact.item for q in _attributes(fact.item).values())
        )
        critique = replace(_critique(look, commands, hope, wrong, yes), identity=_identity(look, start, hope))
        return replace(critique, premises=tuple(_premise(item, reason, yes) for item, reason in granted))


def _identity(look: Look, start: Scene | None, hope: Expectation) -> float:
    """How much the things that no command touches look as in the input picture, [0, 1]; where there is no such thing,
    the empty places; NaN where there are none. Where the background was to change, it is not compared.
    """
    if start is None or look.start is None:
        return math.nan
    facts = [fact for group in hope.kept for fact in group]
    places = {fact.question.place for fact in facts if fact.item} or {fact.question.place for fact in facts}
    painted = start.background != hope.scene.background
    ground = COLOURS.get(start.background) if painted else None
    return likeness(look.start, look.image, [cell(p) for p in places if p is not None], ground)


def _expected(start: Scene | None, commands: Sequence[Command]) -> Expectation:
    """The expectation of commands carried out in the order of the plan, its facts in the order of `commands`."""
    order = sorted(range(len(commands)), key=lambda k: commands[k].order)
    hope = expect(start, [commands[k].meaning for k in order])
    facts = dict(zip(order, hope.facts, strict=True))
    return replace(hope, facts=tuple(facts[k] for k in range(len(commands))))


def premises(scene: Scene, commands: Iterable[Command]) -> list[tuple[Item | None, str]]:
    """What each of the commands that follow on a scene takes for granted: an item to ask for (None: nothing, or an item
    that one of them makes first), and why it cannot be done, where that is known without asking."""
    found, now = list[tuple[Item | None, str]](), scene
    for command in commands:
        meaning = command.meaning
        if meaning is None or scene.background == UNKNOWN:
            found.append((None, ""))
            continue
        try:
            item = resolve(now, meaning.ref) if meaning.ref else None
            now = apply(now, meaning)
            found.append((item if item in scene.items else None, ""))
        except SceneError as error:
            found.append((None, str(error)))
    return found


def _premise(item: Item | None, reason: str, yes: Mapping[str, float]) -> Premise:
    if reason:
        return Premise(0.0, reason)
    return Premise() if item is None else Premise(yes[str(about(item))], f"there is no {item}")


def _critique(
    look: Look, commands: Sequence[Command], hope: Expectation, wrong: Sequence[Fact], yes: Mapping[str, float]
) -> Critique:
    """Scores, feedback and answers from all that was said about the candidate."""
    scores = tuple(
        yes[in_words(command)] if group is None else joint([_score(fact, yes) for fact in group])
        for command, group in zip(commands, hope.facts, strict=True)
    )
    words = {fact: _complaint(fact, hope.scene, yes) for fact in wrong}
    standing = (*hope.facts[: len(look.earlier)], *hope.kept)
    kept = [fact for group in standing for fact in group or ()]
    mine = {fact for group in hope.facts[len(look.earlier) :] for fact in group or ()}
    strange = [f"not done: {command.text}" for command in commands if yes.get(in_words(command), 1.0) < 0.5]
    facts = {str(f.question): f for group in (*hope.facts, *hope.kept) for f in group or ()}
    known = {question: (fact.wanted, fact.question.kind) for question, fact in facts.items()}
    return Critique(
        wanted=scores[len(look.earlier) :],
        earlier=scores[: len(look.earlier)],
        kept=mean([joint([_score(fact, yes) for fact in group]) for group in hope.kept]),
        feedback="; ".join(dict.fromkeys([*words.values(), *strange])),
        harmed=tuple(dict.fromkeys(words[fact] for fact in kept if fact in words and fact not in mine)),
        answers=tuple(Answer(question, p, *known.get(question, ())) for question, p in yes.items()),
    )

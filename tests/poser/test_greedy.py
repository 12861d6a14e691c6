"""`greedy`: the highest skill for the kind at hand, then price, then seconds; unknown after known; guided ones only
where what they need is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from experts.types import KINDS, VERBS, Card, Skill, Verb
from poser.actions import ActionSet, handed
from poser.config import load
from poser.policies.greedy import Greedy, order
from poser.roster import playable, registry_of
from poser.types import Budget, Command, Plan, Spent, State, Task

PICTURE = Image.new("RGB", (32, 32), "red")
PRESETS = ("local-24gb", "local-80gb", "mixed", "api", "poster")
EDITS: tuple[Verb, ...] = tuple(verb for verb in VERBS if verb != "generate")


def card(id: str, mode: str = "image-to-image", **more: object) -> Card:
    skills = {kind: Skill(score, "test") for kind, score in dict(more.pop("skills", {})).items()}  # type: ignore[call-overload]
    return Card(id, mode, f"{id}.", skills=skills, **more)  # type: ignore[arg-type]


def state(verb: Verb = "add", drawn: bool = True, given: bool = False, attempts: int = 0, more: int = 0) -> State:
    """A state with a picture, `drawn` from words or `given`, whose current command has that verb."""
    commands = tuple(Command(f"command {k}", verb=verb) for k in range(1 + more))
    done = (Command("a house", verb="generate"),) if drawn and not given else ()
    task = Task("x", PICTURE if given else None, 0, Budget(6))
    return State(task, Plan(done=done, current=commands[0], remaining=commands[1:]), attempts=attempts, image=PICTURE)


def asked(cards: list[Card], at: State) -> str:
    actions = ActionSet.of(cards)
    (slot,) = Greedy(actions)([at], actions.mask([at]))
    return str(actions.slots[slot])


def test_skill_then_price_then_seconds_and_the_unknown_last() -> None:
    cards = [
        card("unknown", verbs=("other",)),
        card("unknown-made", verbs=("add",)),
        card("low", skills={"add": 0.2}),
        card("dear", skills={"add": 0.9}, usd=0.1),
        card("slow", skills={"add": 0.904}, seconds=9.0),
        card("quick", skills={"add": 0.9}, seconds=1.0),
        card("elsewhere", skills={"remove": 1.0}, verbs=("other",)),
    ]
    ids = [found.id for found in order(cards, "add", "add")]
    assert ids == ["quick", "slow", "dear", "low", "unknown-made", "unknown", "elsewhere"]
    assert asked(cards, state()) == "quick/current"


def test_drawing_goes_by_the_words_of_all_that_is_drawn() -> None:
    short = card("short", "text-to-image", skills={"generate:0": 0.9, "generate:1": 0.2})
    long = card("long", "text-to-image", skills={"generate:0": 0.1, "generate:1": 0.8})
    cards = [short, long]
    at = replace(state(), image=None, plan=Plan(current=Command("a house", verb="generate")))
    assert asked(cards, at) == "short/current"
    words = Command("a house beside a lake in the mountains at dawn", verb="generate")
    assert asked(cards, replace(at, plan=Plan(current=words))) == "long/current"
    again = replace(at, image=PICTURE, plan=Plan(done=(words,), current=Command("add a boat", verb="add")))
    assert asked(cards, again) == "long/current"
    late = replace(at, plan=Plan(current=at.plan.current, remaining=(words,)), spent=Spent(5))
    assert asked(cards, late) == "long/all"


@pytest.mark.parametrize("needs", [("mask",), ("description",), ("mask", "description")])
def test_a_guided_expert_is_asked_only_where_what_it_needs_is_there(needs: tuple[str, ...]) -> None:
    guided = card("guided", skills={"add": 1.0}, inputs=needs)
    plain = card("plain", skills={"add": 0.1})
    assert asked([guided, plain], state(given=True)) == "plain/current"
    assert asked([guided, plain], state(given=True, attempts=1)) == "plain/current"
    assert asked([guided, plain], state()) == ("guided/current" if needs == ("description",) else "plain/current")
    assert asked([guided], state(given=True)) == "guided/current"  # no other may be asked


def test_an_expert_that_needs_a_description_is_told_the_whole() -> None:
    at = state()
    assert [c.text for c in handed(at.plan, "current", card("x", inputs=("description",)))] == ["a house", "command 0"]
    assert [c.text for c in handed(at.plan, "current", card("x"))] == ["command 0"]


def test_after_a_failure_it_draws_anew_then_asks_the_next() -> None:
    one, two = (card(id, "text-to-image", skills={"generate:0": s}) for id, s in (("one", 0.9), ("two", 0.5)))
    first, second = (card(id, skills={"add": s}) for id, s in (("first", 0.9), ("second", 0.5)))
    cards = [two, second, one, first]
    assert [asked(cards, state(attempts=n)) for n in range(3)] == ["first/current", "one/current", "two/current"]
    given = [asked(cards, state(given=True, attempts=n)) for n in range(3)]
    assert given == ["first/current", "second/current", "first/current"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_first_choice_is_among_the_two_most_skilled_of_the_preset(preset: str) -> None:
    cards = playable(registry_of(load(preset)))
    for verb in EDITS:
        best = sorted((c.skills[verb].score for c in cards if verb in c.skills), reverse=True)[:2]
        slot = asked(cards, state(verb, given=True))
        chosen = next(c for c in cards if c.id == slot.partition("/")[0])
        assert not chosen.inputs, (verb, slot)
        assert not best or round(chosen.skills[verb].score, 2) >= round(best[-1], 2), (verb, slot)
    for words in range(5):
        kind = f"generate:{words}"
        command = Command(" ".join(["word"] * (10 * words + 1)), verb="generate")
        best = sorted((c.skills[kind].score for c in cards if kind in c.skills), reverse=True)[:2]
        slot = asked(cards, replace(state(), image=None, plan=Plan(current=command)))
        chosen = next(c for c in cards if c.id == slot.partition("/")[0])
        assert not best or round(chosen.skills[kind].score, 2) >= round(best[-1], 2), (kind, slot)


def test_every_choice_is_legal() -> None:
    cards = playable(registry_of(load("local-24gb")))
    actions = ActionSet.of(cards)
    states = [state(verb, given=given, attempts=n) for verb in EDITS for given in (False, True) for n in range(3)]
    mask = actions.mask(states)
    assert all(mask[k, slot] for k, slot in enumerate(Greedy(actions)(states, mask)))
    assert np.asarray(mask).any() and len(KINDS) == 18

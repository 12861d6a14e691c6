"""Trajectories made by hand: every kind of outcome, with pictures of the poster world."""

from __future__ import annotations

import math
from dataclasses import replace

from PIL import Image

from experts.poster.render import render
from experts.poster.scene import Item, Scene
from experts.types import Failure, Request, Result
from poser.types import Action, Answer, Budget, Command, Critique, Plan, Spent, State, Step, Task, Trajectory

EDITS = "Remove the circle, then turn the heart purple. Move the star to the top left; add a <small> diamond & square."
CONFIG = {
    "name": "poster",
    "budget": {"usd": math.inf, "seconds": math.inf},
    "size": [96, 96],
    "deep": ("a", 1, math.nan),
}
VERSIONS = {"poser": "0.1.0", "python": "3.11.7"}


def picture(background: str, *items: Item) -> Image.Image:
    return render(Scene(background, items))


def command(prompt: str, text: str, verb: str, words: str = "") -> Command:
    start = prompt.find(text)
    return Command(text, verb, (start, start + len(text)) if start >= 0 else None, words)


def critique(*wanted: float, **fields) -> Critique:
    answers = (Answer("Is there a circle?", 0.03, False), Answer("Is the heart purple?", 0.4))
    return Critique(wanted, critic="vqa/1", seconds=0.05, answers=answers, **fields)


def take(before: State, action: Action, result: Result, judged: Critique | None, after: State, **ends) -> Step:
    """One transition, with what it spent and what it was asked."""
    pending = before.plan.pending
    prompt = ", ".join(c.wording for c in (pending if action.scope == "all" else pending[:1]))
    images = (before.image,) if before.image is not None else ()
    asked = "; ".join(c.text for c in pending[:1])
    request = Request(prompt, images, None, (96, 96), 7 + before.turn, {"steps": 12, "sampler": "ddim"}, asked)
    spent = Spent(
        before.spent.steps + 1,
        before.spent.usd + result.usd,
        before.spent.seconds + result.seconds + (judged.seconds if judged else 0),
    )
    accepted = result.image is not None and after.image is result.image
    score = judged.score if judged else 0.0
    reward = {"score": score, "step": -0.05, "total": score - 0.05}
    after = replace(after, turn=before.turn + 1, spent=spent, last=action, critique=judged or before.critique)
    flags = {"terminated": False, "truncated": False} | ends
    after = replace(after, ended=any(flags.values()), verdict=judged if accepted else before.verdict)
    return Step(before, action, request, result, judged, reward, accepted, after, **flags)


def edited() -> Trajectory:
    """Image-to-image: accepted, reverted, failed, accepted, accepted with scope 'all' (a mask, no verdict on one)."""
    circle, heart, star = Item(6, "circle", "blue", "small"), Item(2, "heart", "red", "small"), Item(4, "star", "green")
    first = picture("yellow", circle, heart, star)
    task = Task(EDITS, first, 3, Budget(6, math.inf, 60.0), "edits")
    a = command(EDITS, "Remove the circle", "remove", "remove the small blue circle")
    b = command(EDITS, "turn the heart purple", "recolour", "turn the heart purple")
    c = command(EDITS, "Move the star to the top left", "move")
    d = command(EDITS, "add a <small> diamond & square", "add")
    s0 = State(task, Plan((), a, (b, c, d)), first, 0.0)
    one = picture("yellow", heart, star)
    s1 = replace(s0, plan=Plan((a,), b, (c, d)), image=one, value=0.31)
    step1 = take(s0, Action("poster-ip2p", "current"), Result(one, seconds=0.42), critique(0.97, kept=0.99), s1)
    wrong = picture("yellow", star)
    bad = critique(0.12, earlier=(0.95,), kept=0.6, feedback="the heart is gone; it should be purple")
    notes = ("input picture resized",)
    step2 = take(
        step1.after,
        Action("poster-magicbrush", "current"),
        Result(wrong, seconds=0.4, notes=notes),
        bad,
        replace(step1.after, attempts=1),
    )
    down = Result(failure=Failure("rate_limited", "try again in 20 s", 20.0), seconds=1.5, usd=0.02)
    wait = replace(step2.after, down=(("poster-kontext", 9),))
    step3 = take(step2.after, Action("poster-kontext", "current"), down, None, wait)
    purple = replace(heart, colour="purple")
    two = picture("yellow", purple, star)
    s4 = replace(step3.after, plan=Plan((a, b), c, (d,)), image=two, value=0.64, attempts=0)
    good = critique(0.91, earlier=(0.96,), kept=0.97, quality=0.9)
    step4 = take(step3.after, Action("poster-magicbrush", "current"), Result(two, seconds=0.4, cached=True), good, s4)
    three = picture("yellow", purple, Item(0, "star", "green"), Item(5, "diamond", "black", "small"))
    given_up = replace(d, end="failed", reason="no square was found")
    s5 = replace(step4.after, plan=Plan((a, b, c), None, (), (given_up,)), image=three, value=0.88)
    last = critique(0.94, math.nan, earlier=(0.95, 0.9), kept=0.95, feedback="no square was found")
    step5 = take(
        step4.after,
        Action("poster-kontext", "all"),
        Result(three, seconds=0.7, usd=0.04),
        last,
        s5,
        terminated=True,
    )
    masked = replace(step5.request, mask=Image.new("L", (96, 96), 200)) if step5.request else None
    steps = (step1, step2, step3, step4, replace(step5, request=masked))
    return Trajectory(task, steps, "greedy", "d" * 64, CONFIG, VERSIONS, s0.plan)


def drawn() -> Trajectory:
    """Text-to-image: one picture, then 'stop' with a command left."""
    prompt = "A red star on white. Add a heart."
    task = Task(prompt, None, 0, Budget(), "words")
    a, b = command(prompt, "A red star on white", "generate"), command(prompt, "Add a heart", "add")
    s0 = State(task, Plan((), a, (b,)))
    star = picture("white", Item(4, "star", "red"))
    s1 = replace(s0, plan=Plan((a,), b), image=star, value=0.5)
    step1 = take(s0, Action("poster-sd", "current"), Result(star, seconds=0.3), critique(0.93), s1)
    stop = Action(None, "stop")
    after = replace(step1.after, last=stop, turn=2, ended=True)
    step2 = Step(step1.after, stop, None, None, None, {"total": 0.0}, False, after, True, False)
    return Trajectory(task, (step1, step2), "random", "e" * 64, {}, VERSIONS, s0.plan)


def ended() -> Trajectory:
    """Image-to-image with every end: done (once without a call), not possible, not understood, failed, left
    over; a note on a choice; candidates that harm something, reverted and kept; one that nobody judged."""
    prompt = (
        "Make the star bigger, remove the triangle, add a sad elephant. Turn the heart green, do not draw a square; "
        "then add a circle and put the star in a corner."
    )
    star, heart = Item(4, "star", "red", "small"), Item(2, "heart", "red")
    given = picture("white", star, heart)
    task = Task(prompt, given, 1, Budget(4), "ends")
    bigger = command(prompt, "Make the star bigger", "resize")
    triangle = replace(
        command(prompt, "remove the triangle", "remove"),
        end="not possible",
        reason="there is no triangle (there are a star and a heart)",
    )
    elephant = replace(
        command(prompt, "add a sad elephant", "other"),
        end="not understood",
        reason="'a sad elephant' is not understood",
    )
    green = command(prompt, "Turn the heart green", "recolour")
    square = replace(command(prompt, "do not draw a square", "other"), end="done", reason="it is kept in mind")
    circle, corner = command(prompt, "add a circle", "add"), command(prompt, "put the star in a corner", "move")
    plan = Plan((), bigger, (green, circle, corner), (elephant, triangle), "", (square,), ("the circle is blue",))
    s0 = State(task, plan, given, 0.2)
    lost = picture("white", replace(star, size="big"))
    harm = critique(0.95, kept=0.4, harmed=("the heart is not there any more",), feedback="the heart is gone")
    tried = replace(s0, attempts=1)
    step1 = take(s0, Action("poster-ip2p", "current"), Result(lost, seconds=0.4), harm, tried)
    weak = critique(0.1, kept=0.9, feedback="the star is as small as before")
    step2 = take(step1.after, Action("poster-omnigen", "current"), Result(given.copy(), seconds=0.2), weak, tried)
    large = picture("white", replace(star, size="big"), replace(heart, colour="blue"))
    s3 = replace(tried, plan=replace(plan, done=(bigger,), current=green, remaining=(circle, corner)), image=large)
    good = critique(0.97, kept=0.8, harmed=("the heart is not red any more",))
    step3 = take(
        step2.after, Action("poster-ip2p", "current"), Result(large, seconds=0.4), good, replace(s3, value=0.5)
    )
    unsure = critique(math.nan, earlier=(math.nan,))
    why = "three attempts did not do it"
    dropped = (elephant, triangle, replace(green, end="failed", reason=why))
    s4 = replace(step3.after, plan=replace(s3.plan, current=circle, remaining=(corner,), dropped=dropped))
    other = picture("white", replace(star, size="big"), replace(heart, colour="green"))
    step4 = take(
        step3.after, Action("poster-magicbrush", "current"), Result(other, seconds=0.4), unsure, s4, truncated=True
    )
    steps = (step1, step2, step3, step4)
    return Trajectory(task, steps, "greedy", "f" * 64, {"name": "poster"}, VERSIONS, plan)

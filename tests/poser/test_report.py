"""The report: one page that stands alone, shows every step, and escapes what it is given."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from experts.images import data_url
from poser.runs.report import render
from poser.runs.summary import as_data, outcome, sentence, step_data, summarise
from poser.types import Command, Plan, Trajectory
from tests.poser import episodes

VOID = {"meta", "img", "br", "hr"}


class Page(HTMLParser):
    """Collects a page's tags, attributes and words, and insists that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def having(self, word: str) -> list[dict]:
        return [attrs for _, attrs in self.tags if word in attrs.get("class", "").split()]


@pytest.mark.parametrize("make", [episodes.edited, episodes.drawn])
def test_the_page_nests_and_needs_nothing_else(make):
    text = render(make(), "out/demo")
    page = Page(text)
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        assert not [name for name in attrs if name.startswith("on")]
        assert attrs.get("src", "data:image/").startswith("data:image/")
        assert attrs.get("href", "#").startswith("#")
    assert not re.search(r"https?://|url\(|@import", text)


def test_every_step_is_shown(episode):
    text = render(episode)
    page = Page(text)
    words = " ".join(page.words)
    assert [attrs["id"] for attrs in page.having("step")] == [f"step-{k}" for k in range(1, 6)]
    for part in (
        "turn the heart purple",
        "handed on as: remove the small blue circle",
        "the heart is gone; it should be purple",
        "rate limited: try again in 20 s",
        "poster-magicbrush",
        "0.12",
        "no verdict",
        "$0.02",
        "from the store",
        "not everything is satisfied",
        "Not kept: the critic found the picture before it better.",
        "Is there a circle?",
        "vqa/1",
        "reward: total",
    ):
        assert part in words, part
    badges = [attrs["class"].split()[1] for attrs in page.having("badge")]
    assert badges[-5:] == ["accepted", "reverted", "failed", "accepted", "unjudged"]
    widths = re.findall(r"<i( class=\"low\")? style=\"width:([\d.]+)%", text)
    assert (' class="low"', "12.0") in widths and ("", "97.0") in widths


def test_every_picture_is_in_the_page(episode):
    text = render(episode)
    for step in episode.steps:
        for image in (step.before.image, step.result.image):
            assert image is None or data_url(image) in text
    assert data_url(episode.task.image) in text and data_url(episode.images[0]) in text


def test_words_are_escaped():
    evil = "<script>alert('x')</script> & \"quotes\""
    whole = episodes.drawn()
    step = whole.steps[0]
    plan = replace(step.before.plan, current=Command(evil, "other"))
    step = replace(
        step,
        before=replace(step.before, plan=plan),
        critique=replace(step.critique, feedback=evil, critic=evil),
        request=replace(step.request, prompt=evil, params={evil: evil}),
        result=replace(step.result, notes=(evil,)),
        action=step.action._replace(expert=evil),
    )
    task = replace(whole.task, prompt=evil)
    text = render(
        replace(whole, task=task, steps=(step,), versions={evil: evil}, config={evil: evil}, policy=evil), evil
    )
    assert "<script" not in text and "&lt;script&gt;" in text
    Page(text)


def test_the_prompt_shows_what_became_of_each_command(episode):
    text = render(episode)
    assert text.count('<mark class="done"') == 3 and text.count('<mark class="dropped"') == 1
    assert "add a &lt;small&gt; diamond &amp; square</mark>." in text


def test_large_pictures_are_compressed_and_small_ones_are_not(drawn):
    step = drawn.steps[0]
    large = Image.effect_noise((1600, 1200), 60).convert("RGB")
    step = replace(step, result=replace(step.result, image=large))
    text = render(replace(drawn, steps=(step, drawn.steps[1])))
    assert "data:image/webp" in text and data_url(large) not in text
    assert max(len(part) for part in re.findall(r"base64,([^\"]+)", text)) < len(data_url(large)) / 2


def test_a_run_without_steps_has_a_page_too(episode):
    words = " ".join(Page(render(replace(episode, steps=()), "a b")).words)
    assert "unfinished" in words and "poser run --resume 'a b'" in words
    assert "So far" not in words and "No expert was called" not in words
    assert "So far · 96 x 96 px" in render(replace(episode, steps=episode.steps[:2]))


def standings(text: str) -> list[str]:
    """The colours of the badges at the head of a page that say how the run stands."""
    badges = [attrs["class"].split()[1] for attrs in Page(text).having("badge")]
    return [badge for badge in badges if badge.startswith("standing-")]


def only(whole: Trajectory, **changes) -> Trajectory:
    """The run with its first step alone, after which the plan holds `changes`."""
    step = whole.steps[0]
    after = replace(step.after, plan=replace(step.after.plan, current=None, **changes), ended=True)
    return replace(whole, steps=(replace(step, terminated=True, after=after),))


def test_the_badge_says_how_the_run_stands(drawn):
    star, heart = drawn.plan.pending
    failed = replace(star, end="failed", reason="three attempts did not do it")
    every, nothing = only(drawn), only(drawn, done=(), dropped=(failed, replace(heart, end="failed")))
    for whole, standing, words in (
        (every, "all", "all satisfied"),
        (drawn, "some", "not everything is satisfied"),
        (nothing, "none", "nothing is satisfied"),
        (replace(drawn, steps=drawn.steps[:1]), "unfinished", "unfinished"),
    ):
        text = render(whole)
        assert standings(text) == [f"standing-{standing}"]
        assert [w for w in ("all", "not everything is", "nothing is") if f">{w} satisfied<" in text] == [
            w for w in (words.removesuffix(" satisfied"),) if w != "unfinished"
        ]


def test_each_command_has_its_end_and_its_reason():
    whole = episodes.ended()
    text = render(whole)
    flat = re.sub(r"\s+", " ", text.replace("&#39;", "'"))
    for colour, end, command, reason in (
        ("done", "done", "Make the star bigger", ""),
        ("dropped", "not possible", "remove the triangle", "there is no triangle (there are a star and a heart)"),
        ("dropped", "not understood", "add a sad elephant", "'a sad elephant' is not understood"),
        ("dropped", "failed", "Turn the heart green", "three attempts did not do it"),
        ("done", "done", "do not draw a square", "it is kept in mind"),
        ("pending", "left over", "add a circle", "the budget was used up before it"),
        ("pending", "left over", "put the star in a corner", "the budget was used up before it"),
        ("dropped", "harmed", "the heart is not red any more", ""),
        ("note", "note", "the circle is blue", ""),
    ):
        small = f"<small>{reason}</small>" if reason else ""
        assert f'<li><span class="badge {colour}">{end}</span><span>{command}{small}</span></li>' in flat, command
    assert standings(text) == ["standing-some"]
    assert "What would be understood: type <code>poser vocabulary</code>" in text and "No expert was called" not in text


def test_what_became_of_a_candidate_is_said_only_as_it_was_judged():
    whole = episodes.ended()
    pages = [render(replace(whole, steps=(step,))) for step in whole.steps]
    harming, worse, kept, unjudged = (page.partition("<h2>Steps</h2>")[2] for page in pages)
    assert "Not kept: it harms what was to be kept." in harming
    assert "harmed: the heart is not there any more" in harming
    assert "Not kept: by its scores it is worth less than no change." in worse  # nobody judged the picture given
    assert "Kept, though it harms what was to be kept." in kept
    assert "candidate without a verdict" in unjudged and "Nobody judged it as a whole" in unjudged
    assert 'class="badge accepted"' not in unjudged and not [
        page for page in (harming, worse, unjudged) if "better" in page
    ]


def test_a_picture_that_nobody_judged_has_no_worth(drawn):
    step = drawn.steps[0]
    silent = replace(step.critique, wanted=(math.nan,))
    whole = replace(drawn, steps=(replace(step, critique=silent, after=replace(step.after, verdict=silent)),))
    assert "<b>–</b><span>worth" in render(whole) and "<b>0.50</b><span>worth" in render(drawn)


@pytest.mark.parametrize("given", [False, True])
def test_where_nothing_is_understood_the_page_says_what_would_be(given):
    prompt = "hello there"
    lost = Command(prompt, "other", (0, len(prompt)), end="not understood", reason="nothing here that can be shown")
    whole = replace(episodes.edited() if given else episodes.drawn(), steps=(), plan=Plan(dropped=(lost,)))
    text = render(replace(whole, task=replace(whole.task, prompt=prompt)))
    assert standings(text) == ["standing-none"] and "nothing here that can be shown" in text
    assert "No expert was called: nothing of the prompt was understood." in text
    assert "What would be understood: type <code>poser vocabulary</code>" in text
    assert ("Given, not changed" in text, "Nothing delivered" in text) == (given, not given)
    assert "Overview" not in text and "Steps" not in text


def test_summary(episode, drawn):
    found = summarise(episode)
    assert (found.standing, found.calls, len(found.of("done")), len(found.of("failed"))) == ("some", 5, 3, 1)
    assert found.usd == pytest.approx(0.06) and found.value == 0.88
    assert [outcome(step) for step in episode.steps] == ["accepted", "reverted", "failed", "accepted", "unjudged"]
    left = ("Add a heart", "left over", "the policy delivered the picture before it")
    assert summarise(drawn).of("left over") == (left,)
    assert summarise(replace(episode, steps=episode.steps[:2])).standing == "unfinished"
    cut = replace(episode.steps[1], truncated=True)
    over = summarise(replace(episode, steps=(episode.steps[0], cut))).of("left over")
    assert {ended.reason for ended in over} == {"the budget was used up before it"} and len(over) == 3
    assert sentence(episode).startswith("3 of 4 done in 5 calls, 3.6 s, $0.06\n  failed: 'add a <small>")


def test_step_data_has_no_nan(episode):
    last = step_data(episode.steps[-1])
    assert last["score"] is None and last["scope"] == "all" and len(last["command"]) == 2
    assert step_data(episode.steps[2])["failure"].startswith("rate_limited")


def test_data_of_an_empty_run(tmp_path):
    whole: Trajectory = replace(episodes.drawn(), steps=())
    data = as_data(whole, tmp_path, [])
    assert data["pictures"] == {"final": None, "steps": []} and data["value"] is None

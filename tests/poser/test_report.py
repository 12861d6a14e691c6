"""The report: one page that stands alone, shows every step, and escapes what it is given."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from experts.images import data_url
from poser.runs.report import render
from poser.runs.summary import as_data, outcome, sentence, step_data, summarise
from poser.types import Command, Trajectory
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
        "some commands given up",
        "Is there a circle?",
        "vqa/1",
        "reward: total",
    ):
        assert part in words, part
    badges = [attrs["class"].split()[1] for attrs in page.having("badge")]
    assert [badge for badge in badges if badge in ("accepted", "reverted")] == [
        "accepted",
        "reverted",
        *["accepted"] * 2,
    ]
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


def test_summary(episode, drawn):
    found = summarise(episode)
    assert (found.ending, found.calls, len(found.satisfied), len(found.dropped)) == ("nothing left", 5, 3, 1)
    assert found.usd == pytest.approx(0.06) and found.value == 0.88
    assert [outcome(step) for step in episode.steps] == ["accepted", "reverted", "failed", "accepted", "accepted"]
    assert summarise(drawn).ending == "stopped" and summarise(drawn).pending == ("Add a heart",)
    assert summarise(replace(episode, steps=episode.steps[:2])).ending == "unfinished"
    cut = replace(episode.steps[1], truncated=True)
    assert summarise(replace(episode, steps=(episode.steps[0], cut))).ending == "budget"
    assert sentence(episode).startswith("3 of 4 commands satisfied in 5 calls, 3.6 s, $0.06; given up: add a <small>")


def test_step_data_has_no_nan(episode):
    last = step_data(episode.steps[-1])
    assert last["score"] is None and last["scope"] == "all" and len(last["command"]) == 2
    assert step_data(episode.steps[2])["failure"].startswith("rate_limited")


def test_data_of_an_empty_run(tmp_path):
    whole: Trajectory = replace(episodes.drawn(), steps=())
    data = as_data(whole, tmp_path, [])
    assert data["pictures"] == {"final": None, "steps": []} and data["value"] is None

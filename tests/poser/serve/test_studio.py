"""The studio in a browser: Debian's Chromium, headless, where it and playwright are installed."""

from __future__ import annotations

import shutil

import httpx2
import numpy as np
import pytest

from experts.images import opened, png
from tests.poser import given_world
from tests.poser.serve.serving import PROMPT, agent, served
from tests.poser.world import PICTURE

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def here():
    with served(agents={"fast": agent(), "given": given_world.agent()}) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install poser[browser]"
    )
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture
def page(browser, here):
    """The studio, loaded; in the end nothing went wrong on it, and it asked nobody else."""
    page, wrong, asked = browser.new_page(viewport={"width": 1200, "height": 900}), [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(20_000)
    page.goto(here.base)
    page.locator("#preset option").first.wait_for(state="attached")
    yield page
    page.close()
    assert not [words for words in wrong if "status of 400" not in words]  # a mistake that the page says itself
    assert all(url.startswith((f"{here.base}/", "data:", "blob:")) for url in asked)


def done(page, words: str = "done") -> None:
    page.locator("#state").filter(has_text=words).wait_for()


def test_the_page_allows_scripts_from_here_alone(here):
    answer = httpx2.get(here.base)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    for name in ("studio.js", "studio.css", "report.css"):
        assert httpx2.get(f"{here.base}/studio/{name}").status_code == 200
    assert "<script>" not in answer.text and "style=" not in answer.text and "onclick" not in answer.text


def test_a_prompt_is_carried_out_step_by_step_and_edited_again(page):
    page.fill("#prompt", f"{PROMPT} <b>Not</b> markup.")
    page.keyboard.press("Control+Enter")
    done(page)
    steps = page.locator("#steps-list article")
    assert steps.count() >= 3 and page.locator("#steps-list b").count() == 0
    assert steps.first.locator(".badge").inner_text() in ("accepted", "reverted")
    assert page.locator("#ends li").count() >= 3 and page.locator("#after").is_visible()
    steps.first.get_by_text("Go on from here").click()
    page.locator("#start").wait_for()
    page.fill("#prompt", "Make it red.")
    page.click("#go")
    done(page)
    assert page.locator("#history button").count() == 2
    page.locator("#history button").last.click()
    assert page.locator("#steps-list article").count() >= 3
    page.locator("body").press("z")
    page.locator("dialog[open]").wait_for()


def test_a_picture_by_choice_and_a_mistake_that_is_said(page):
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": png(PICTURE)})
    page.fill("#prompt", "Make it red.")
    page.click("#go")
    done(page)
    assert page.locator("#split").is_visible()
    page.fill("#prompt", "   ")
    page.click("#go")
    done(page, "not done")


def test_a_mask_by_brush_and_a_reference_reach_the_server(page):
    picture = given_world.noise(1, (40, 24))
    page.select_option("#preset", "given")
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": png(picture)})
    page.set_input_files("#references", {"name": "b.png", "mimeType": "image/png", "buffer": png(PICTURE)})
    box = page.locator("#brush").bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 8, steps=4)
    page.mouse.up()
    page.locator("#masked").filter(has_text="Only what is painted").wait_for()
    page.fill("#prompt", "Make it blue.")
    page.click("#go")
    done(page)
    final = np.asarray(opened(page.locator("#after").get_attribute("src")))
    same = (final == np.asarray(picture)).all(axis=2)
    assert same[12:].all() and same[:, 24:].all()  # below and right of the stroke
    shown = page.locator("#steps-list article.accepted").count()
    page.select_option("#filter", "accepted")
    assert page.locator("#steps-list article:visible").count() == shown
    page.click("#unmask")
    page.locator("#masked").filter(has_text="All of it may change").wait_for()


def test_every_field_has_a_label_and_a_phone_sees_no_overflow(page):
    unnamed = "e => e.filter(x => !(x.labels && x.labels.length) && !x.ariaLabel).length"
    assert page.eval_on_selector_all("input, select, textarea", unnamed) == 0
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

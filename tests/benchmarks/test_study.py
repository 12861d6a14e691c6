"""The blind study: what a rater sees names no system, what is written down is what was chosen, and it adds up."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks import compare
from benchmarks._harness import votes
from benchmarks._harness.sources import source, sources
from benchmarks.study.__main__ import main
from benchmarks.study.ballots import EVERY, Ballot, Study, encoded
from benchmarks.study.server import make
from poser.serve.server import bound, configured
from poser.types import PoserError
from tests.poser.serve.serving import agent

COLOURS = {"alpha-agent": "red", "beta-alone": "blue", "gamma-third": "green"}
ITEMS = 12


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three systems whose pictures have a colour each."""
    base = tmp_path_factory.mktemp("systems")
    for name, colour in COLOURS.items():
        (base / name).mkdir()
        for item in range(ITEMS):
            Image.new("RGB", (24, 24), colour).save(base / name / f"item-{item}.png")
    return [base / name for name in COLOURS]


def colour(ballot: Ballot, side: str) -> Any:
    return Image.open(io.BytesIO(encoded(getattr(ballot, side)))).getpixel((0, 0))


def rate(study: Study, taste: Callable[[Ballot], str], most: int = 1000) -> list[Ballot]:
    """A rater's whole work."""
    token, seen = study.begin(), list[Ballot]()
    while len(seen) < most and (ballot := study.next(token)[0]) is not None:
        assert study.next(token)[0] is ballot
        seen.append(ballot)
        study.vote(token, ballot.id, taste(ballot))  # type: ignore[arg-type]
    return seen


def likes_red(ballot: Ballot) -> str:
    """Red before blue before green, and no spoilt pictures."""
    if ballot.check:
        return "second" if ballot.first.spoilt else "first"
    ranks = [[(255, 0, 0), (0, 0, 255), (0, 128, 0)].index(colour(ballot, side)) for side in ("first", "second")]
    return "first" if ranks[0] < ranks[1] else "second"


def test_choices_become_votes_that_compare_reads(folders: list[Path], tmp_path: Path) -> None:
    study = Study(sources(folders), {}, tmp_path / "v.jsonl")
    ballots = [*rate(study, likes_red), *rate(study, likes_red)]
    asked = [ballot for ballot in ballots if not ballot.check]
    assert len(asked) == 2 * 3 * ITEMS and set(Counter(b.pair for b in asked).values()) == {2}
    assert 0.25 < np.mean([ballot.turned for ballot in asked]) < 0.75
    assert 2 * (3 * ITEMS // EVERY) <= len(ballots) - len(asked) <= 2 * (3 * ITEMS // EVERY + 1)
    found = votes.read(tmp_path / "v.jsonl")
    assert len(found.votes) == len(asked) and len(found.raters) == 2 and not found.inattentive
    assert all(vote.won == 1 for vote in found.votes)  # a stands before b in the order of the folders
    told = compare.voted([], found)
    strength = told["people_strength"]
    assert strength["alpha-agent"] > strength["beta-alone"] > strength["gamma-third"]
    assert told["raters"]["same"] == 1 and told["raters"]["pairs"] == 3 * ITEMS
    assert told["people"][0]["decided"]["low"] == pytest.approx(0.862, abs=0.001)  # Wilson, 24 of 24
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert set().union(*rows) == {"item", "seed", "a", "b", "vote", "rater", "first", "seconds", "check"}


def test_who_does_not_look_is_left_out(folders: list[Path], tmp_path: Path) -> None:
    study = Study(sources(folders), {}, tmp_path / "v.jsonl", each=36)
    rate(study, likes_red)
    rate(study, lambda _: "tie")
    found = votes.read(tmp_path / "v.jsonl")
    assert len(found.raters) == 2 and len(found.inattentive) == 1
    assert len(found.votes) == 36 and all(vote.won == 1 for vote in found.votes)


def test_pairs_with_few_votes_come_first_and_a_restart_goes_on(folders: list[Path], tmp_path: Path) -> None:
    study = Study(sources(folders[:2]), {}, tmp_path / "v.jsonl", each=4)
    for _ in range(3):
        rate(study, likes_red)
    counts = Counter((vote.item, vote.a, vote.b) for vote in votes.read(tmp_path / "v.jsonl").votes)
    assert len(counts) == ITEMS and set(counts.values()) == {1}
    token = study.begin()
    first = study.next(token)[0]
    assert first is not None
    study.vote(token, first.id, likes_red(first))  # type: ignore[arg-type]
    again = Study(sources(folders[:2]), {}, tmp_path / "v.jsonl", each=4)
    ballot, done, of = again.next(token)
    assert ballot is not None and (done, of) == (int(not first.check), 4) and ballot.pair != first.pair


def test_nothing_that_a_rater_gets_names_a_system(folders: list[Path], tmp_path: Path) -> None:
    study = Study(sources(folders), {"item-1": "Draw."}, tmp_path / "v.jsonl")
    with served(make(study, "Which?")) as base, httpx2.Client(base_url=base) as http:
        rater, names, got = http.post("/study/begin", json={}).json()["rater"], set[str](), b""
        for _ in range(8):
            told = http.post("/study/next", json={"rater": rater})
            got += told.content + repr(told.headers).encode()
            ballot = told.json()["ballot"]
            for side in ("first", "second"):
                assert ballot[side] not in names
                names.add(ballot[side])
                picture = http.get(ballot[side])
                got += picture.content + repr(picture.headers).encode()
                assert Image.open(io.BytesIO(picture.content)).info == {}
            http.post("/study/vote", json={"rater": rater, "ballot": ballot["id"], "vote": "tie"})
            assert http.get(ballot["first"]).status_code == 409  # shown only while it is asked
        assert not any(name.encode() in got for name in (*COLOURS, "item-"))


def test_hostile_requests_are_one_clean_error_and_leave_no_vote(folders: list[Path], tmp_path: Path) -> None:
    study = Study(sources(folders), {}, tmp_path / "v.jsonl")
    with served(make(study, "Which?", code="a-long-enough-code")) as base, httpx2.Client(base_url=base) as http:
        assert http.post("/study/begin", json={"code": "wrong"}).status_code == 403
        rater = http.post("/study/begin", json={"code": "a-long-enough-code"}).json()["rater"]
        ballot = http.post("/study/next", json={"rater": rater}).json()["ballot"]
        good = {"rater": rater, "ballot": ballot["id"], "vote": "tie"}
        bad: list[tuple[Any, int]] = [
            ({**good, "vote": "a"}, 400),
            ({**good, "vote": ["tie"]}, 400),
            ({**good, "ballot": "other"}, 409),
            ({**good, "ballot": "\ud800"}, 409),
            ({**good, "rater": "nobody"}, 409),
            ([good], 400),
            ({**good, "rater": "x" * 9999}, 413),
        ]
        for body, status in bad:
            answer = http.post("/study/vote", content=json.dumps(body))
            assert answer.status_code == status and answer.json()["error"]["message"]
        assert http.post("/study/vote", content=b"[" * 4000).status_code == 400
        for path in ("/study/pictures/..%2f..%2fetc%2fpasswd", "/study/pictures/x", "/study/pictures/"):
            assert http.get(path).status_code in (404, 409)
        assert http.post("/study/vote", json=good, headers={"host": "evil.example"}).status_code == 403
        assert http.post("/study/vote", json=good, headers={"origin": "http://evil.example"}).status_code == 403
        assert not (tmp_path / "v.jsonl").exists()
        assert http.post("/study/vote", json=good).status_code == 200
        assert http.post("/study/vote", json=good).status_code == 409
        assert len((tmp_path / "v.jsonl").read_text().splitlines()) == 1
        policy = http.get("/study").headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy


def test_folders_of_every_kind_are_sources(tmp_path: Path) -> None:
    made = agent()("Draw a cat. Make it blue.")
    made.save(tmp_path / "runs" / "cat")
    again = agent()("Make it red.", made.images[0])
    again.save(tmp_path / "runs" / "edit")
    runs = source(tmp_path / "runs")
    assert set(runs.pictures) == {("cat", 0), ("edit", 0)} and set(runs.starts) == {"edit"}
    assert runs.prompts["cat"] == "Draw a cat. Make it blue."
    plain = tmp_path / "plain"
    (plain / "cat").mkdir(parents=True)
    made.images[0].save(plain / "cat" / "3.png")
    made.images[0].save(plain / "dog.png")
    assert set(source(f"folder:{plain}").pictures) == {("cat", 3), ("dog", 0)}
    with pytest.raises(PoserError, match="no picture of the same item"):
        Study(sources([tmp_path / "runs", plain]), {}, tmp_path / "v.jsonl")
    with pytest.raises(PoserError, match="stands there twice"):
        sources([plain, plain])
    (tmp_path / "none").mkdir()
    with pytest.raises(PoserError, match="no picture in"):
        source(tmp_path / "none")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=4), min_size=1, max_size=8))
def test_agreement_is_between_chance_and_one_whatever_side_stands_first(units: list[list[float]]) -> None:
    cast = [
        votes.Vote(f"i{k}", 0, "x", "y", won, f"r{n}") for k, unit in enumerate(units) for n, won in enumerate(unit)
    ]
    turned = [vote._replace(a="y", b="x", won=1 - vote.won) if k % 2 else vote for k, vote in enumerate(cast)]
    found, other = votes.between(cast), votes.between(turned)
    assert found["pairs"] == sum(len(unit) > 1 for unit in units)
    for name in ("same", "alpha"):
        assert found[name] == pytest.approx(other[name], nan_ok=True)
        assert np.isnan(found[name]) or found[name] <= 1 + 1e-12
    perfect = [vote for vote in cast if vote.won == units[int(vote.item[1:])][0]]
    assert votes.between(perfect)["same"] in (1.0, pytest.approx(float("nan"), nan_ok=True))


def test_krippendorff_s_alpha_is_his_own_example_s() -> None:
    """Two coders, ten units, two values (Krippendorff, Computing Krippendorff's alpha-reliability, 2011, A): .095."""
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    cast = [
        votes.Vote(f"i{k}", 0, "x", "y", float(won), name)
        for name, row in (("r", first), ("s", second))
        for k, won in enumerate(row)
    ]
    assert votes.between(cast)["alpha"] == pytest.approx(0.095, abs=0.001)


def test_results_and_mistakes_on_the_command_line(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "v.jsonl"
    rate(Study(sources(folders), {}, file), likes_red)
    names = [str(folder) for folder in folders]
    assert main([*names, "--votes", str(file), "--results"]) == 0
    told = capsys.readouterr().out
    assert "alpha-agent against beta-alone | 100.0 %" in told and "Bradley-Terry" in told and "1 raters" in told
    assert main([*names, "--votes", str(file), "--results", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["people_strength"]["alpha-agent"] > 0
    assert main([*names, "--host", "0.0.0.0"]) == 2 and "--code" in capsys.readouterr().err
    assert main([*names, "--code", "short"]) == 2
    assert main([names[0]]) == 2
    file.write_text('{"item": "x", "a": 1}\n')
    assert main([*names, "--votes", str(file), "--results"]) == 2


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    listening = bound("127.0.0.1", 0)
    server = uvicorn.Server(configured(app))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(15)
    listening.close()


def test_a_whole_study_in_a_browser(folders: list[Path], tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install poser[browser]")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    study = Study(
        sources(folders[:2]), {f"item-{k}": "A <b>red</b> square." for k in range(ITEMS)}, tmp_path / "v", each=5
    )
    with served(make(study, "Which?", code="a-long-enough-code")) as base, api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page, wrong, asked = browser.new_page(viewport={"width": 390, "height": 800}), [], []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{base}/study#a-long-enough-code")
        page.click("#begin")
        for number in range(1, 7):
            page.locator("#one:enabled").wait_for()
            assert page.locator("#prompt b").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            if number == 2:
                page.reload()
                page.locator("#one:enabled").wait_for()
            shown = page.locator("#first").get_attribute("src")
            page.keyboard.press("1") if number % 2 else page.click("#tie")
            page.wait_for_timeout(50)
            page.locator(f"#thanks:visible, #first:not([src='{shown}'])").first.wait_for()
            if page.locator("#thanks").is_visible():
                break
        page.locator("#thanks").wait_for()
        browser.close()
    assert not wrong and all(url.startswith((base, "data:")) for url in asked)
    assert not any(name in url for url in asked for name in COLOURS)
    rows = [json.loads(line) for line in (tmp_path / "v").read_text().splitlines()]
    assert sum("check" not in row for row in rows) == 5 and len({row["rater"] for row in rows}) == 1

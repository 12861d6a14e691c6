"""The ledger on disk: what was sent and paid is in the file, whatever happens to the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experts.api import _journal, journal
from experts.api._client import Line
from experts.api._ledger import Ledger
from tests.experts import api_world
from tests.experts.api_world import (
    KEY,
    USD,
    VARIABLE,
    loopback_server,  # noqa: F401
)
from tests.experts.fault_plan import FAULTS, Plan, script
from tests.experts.loopback import Loopback

CRASH = """
import os, sys, threading
from experts.api._terms import Limits, Terms
from experts.api import openai_images
from experts.types import Card, Request
terms = Terms(model="m", base_url=sys.argv[1], key=sys.argv[2], limits=Limits(concurrency=1))
card = Card("x", "text-to-image", "A test's.", usd=0.5, min_side=16, multiple=1)
expert = openai_images.SERVICE.expert(card, terms)
expert([Request("one")])
threading.Timer(0.5, lambda: os._exit(9)).start()
expert([Request("two")])
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the environment names; it is not there yet."""
    path = tmp_path / "money" / "ledger.jsonl"
    monkeypatch.setenv(_journal.VARIABLE, str(path))
    return path


def test_every_request_is_in_the_file_as_in_the_ledger(server: Loopback, file: Path) -> None:
    server.fault = Plan(0.3, 1, FAULTS)
    expert = api_world.expert("openai", server)
    expert(api_world.requests("openai", 30))
    entries = journal(file)
    assert sorted(entry.charge.number for entry in entries) == list(range(1, len(entries) + 1))
    by_number = {entry.charge.number: entry.charge for entry in entries}
    assert by_number == {charge.number: charge for charge in expert.line.ledger.charges}
    totals = expert.line.ledger.totals
    assert sum(entry.charge.usd for entry in entries) == pytest.approx(totals.usd) and len(entries) == totals.requests
    assert {entry.service for entry in entries} == {"openai"} and entries[0].at.endswith("+00:00")
    text = file.read_text()
    assert KEY not in text and "a poster" not in text and file.stat().st_mode & 0o077 == 0


def test_a_crash_loses_nothing_and_the_next_process_goes_on(server: Loopback, file: Path) -> None:
    server.fault = script(None, "hang")
    environ = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", CRASH, f"{server.url}/v1", VARIABLE], env=environ, timeout=60)
    assert done.returncode == 9 and server.book.requests == 2
    first, second = journal(file)
    assert (first.charge.outcome, first.charge.usd, second.charge.outcome) == ("done", 0.5, "open")
    with file.open("a") as torn:
        torn.write('{"at": "2026-11-21T')
    api_world.expert("openai", server)(api_world.requests("openai", 1))
    entries = journal(file)
    assert [entry.charge.outcome for entry in entries] == ["done", "open", "done"] and entries[2].charge.usd == USD
    assert entries[2].run != entries[0].run and entries[2].charge.number == 1


def test_two_ledgers_of_one_service_are_told_apart_and_what_did_not_leave_is_not_there(file: Path) -> None:
    ledgers = [Line("same").ledger for _ in range(2)]
    for ledger in ledgers:
        ledger.settle(ledger.sent("m"), "done", 0.1, bought=True, certain=True)
    ledgers[0].withdraw(ledgers[0].sent("m"))
    assert [entry.charge.usd for entry in journal(file)] == [0.1, 0.1]


def test_an_amended_price_is_the_last_word(file: Path) -> None:
    ledger = Line("x").ledger
    number = ledger.sent("m")
    ledger.settle(number, "done", 0.5, bought=True, certain=False)
    ledger.amend(number, 0.2, bought=True)
    assert [entry.charge.usd for entry in journal(file)] == [0.2]


def test_without_the_variable_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(_journal.VARIABLE, raising=False)
    assert _journal.journal() is None


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_journal.VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match="EXPERTS_LEDGER=.* cannot be written .*set it to another file"):
        Line("x")


def test_a_full_disk_stops_requests_and_loses_no_answer(server: Loopback, file: Path) -> None:
    expert = api_world.expert("openai", server)
    book = expert.line.ledger._journal
    assert isinstance(expert.line.ledger, Ledger) and book is not None
    lines: list[int] = []

    def full_after_one(*_: object) -> None:
        lines.append(1)
        if len(lines) > 1:
            raise OSError(28, "No space left on device")

    book.write = full_after_one  # type: ignore[method-assign]
    first, second = (expert(api_world.requests("openai", 1))[0] for _ in range(2))
    assert first.image is not None and first.usd == USD
    assert second.failure and "No space left" in second.failure.message and server.book.requests == 1


def test_damaged_lines_are_left_out(file: Path) -> None:
    Line("x").ledger.sent("m")
    with file.open("a") as more:
        more.write("[]\n{}\nnull\n\xff\n" + json.dumps({"at": 1, "run": 2}) + "\n")
    assert [entry.charge.outcome for entry in journal(file)] == ["open"]

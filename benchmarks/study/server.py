"""The study's routes: a page, the next pair, a vote, pictures under random names."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from benchmarks.study.ballots import Ballot, Refused, Side, Study, encoded
from poser.serve import studio
from poser.serve.faults import Fault
from poser.serve.gate import Gate
from poser.serve.settings import Settings

HERE = Path(__file__).parent
FILES = {
    "/study": (HERE / "study.html", "text/html"),
    "/study/study.css": (HERE / "study.css", "text/css"),
    "/study/study.js": (HERE / "study.js", "text/javascript"),
    "/study/report.css": (studio.STYLE, "text/css"),
}
BODY = 4096
"""Largest request, bytes."""


def make(study: Study, question: str, code: str = "", loopback: bool = True) -> Any:
    """The ASGI app. `code`: what raters must bring (in the address, after '#'); '': nothing."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    studio.add(app, FILES)

    @app.exception_handler(Fault)
    async def _fault(_: Request, error: Fault) -> Response:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(Refused)
    async def _refused(_: Request, error: Refused) -> Response:
        return JSONResponse(Fault(409, str(error)).body, 409)

    @app.post("/study/begin")
    async def begin(http: Request) -> Any:
        given = await _told(http, "code")
        if code and not secrets.compare_digest(code.encode(), given["code"].encode("utf-8", "replace")):
            raise Fault(403, "this study needs the whole address that you were given", "code")
        return {"rater": study.begin(), "question": question}

    @app.post("/study/next")
    async def following(http: Request) -> Any:
        ballot, done, of = study.next((await _told(http, "rater"))["rater"])
        return {"done": done, "of": of, "ballot": _asked(study, ballot) if ballot else None}

    @app.post("/study/vote")
    async def vote(http: Request) -> Any:
        told = await _told(http, "rater", "ballot", "vote")
        if told["vote"] not in get_args(Side):
            raise Fault(400, f"vote is none of {', '.join(get_args(Side))}", param="vote")
        study.vote(told["rater"], told["ballot"], cast(Side, told["vote"]))
        return {"ok": True}

    @app.get("/study/pictures/{name}")
    async def picture(name: str) -> Response:
        return Response(await asyncio.to_thread(encoded, study.picture(name)), media_type="image/png")

    return Gate(app, Settings(loopback=loopback, body=BODY))


def _asked(study: Study, ballot: Ballot) -> dict[str, Any]:
    """A ballot as the page sees it."""
    places = {"first": ballot.first, "second": ballot.second, "start": ballot.start}
    shown = {place: f"/study/pictures/{found.name}" if found else None for place, found in places.items()}
    return {"id": ballot.id, "prompt": study.prompts.get(ballot.pair.item, ""), **shown}


async def _told(http: Request, *names: str) -> Mapping[str, str]:
    """Texts of a JSON object. Raises Fault."""
    try:
        data = await http.json()
    except (ValueError, RecursionError):
        raise Fault(400, "the body is no JSON") from None
    if not isinstance(data, dict):
        raise Fault(400, "the body is no JSON object")
    for name in names:
        if not isinstance(data.get(name, ""), str):
            raise Fault(400, f"{name} is no text", param=name)
    return {name: data.get(name, "") for name in names}

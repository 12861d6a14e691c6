"""The routes: OpenAI's images API over one engine, health, metrics, pictures by address."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from poser.serve import answering, faults, studio
from poser.serve.asking import Ask, asked, tasks, unheeded
from poser.serve.engine import Engine
from poser.serve.faults import Fault
from poser.serve.gate import Gate, Rate
from poser.serve.hearing import Hearing
from poser.serve.metrics import Metrics
from poser.serve.pictures import MOST, Given, given
from poser.serve.settings import Settings
from poser.serve.store import Store
from poser.serve.streaming import Streamed, stream
from poser.types import PoserError
from poser.versions import VERSION


class Api:
    """What answers image requests."""

    def __init__(self, engine: Engine, settings: Settings, metrics: Metrics) -> None:
        self.engine, self.settings, self.metrics = engine, settings, metrics
        self.store, self.rate = Store(settings.stored, settings.expiry), Rate(settings.rate)
        self.default = next(iter(engine.agents))

    async def answer(self, http: Request, data: Any, pictures: Given, kind: str) -> Response:
        """Carries out a request. Raises Fault, PoserError."""
        ask = asked(data, self.settings)
        model = ask.model or self.default
        agent = self.engine.agents.get(model)
        if agent is None:
            raise Fault(404, f"no model {model!r:.80}; there are {_several(self.engine)}", "model_not_found", "model")
        todo = tasks(ask, agent, pictures, self.settings)
        ask = ask.model_copy(update={"ignored": unheeded(ask, agent, todo[0])})
        http.state.told |= _told(ask, model, kind, self.settings.log_prompts)
        self.rate.take(http.state.caller, ask.n)
        hearing = Hearing(self.engine, model, todo, self.settings, self.metrics).begin()
        if ask.stream:
            return Streamed(stream(ask, hearing, kind, agent.config.dump()), hearing)
        with contextlib.closing(hearing):
            return await self._whole(http, ask, hearing)

    async def _whole(self, http: Request, ask: Ask, hearing: Hearing) -> Response:
        """All pictures at once; whoever goes away before is not waited for."""
        work, gone = asyncio.ensure_future(hearing.played()), asyncio.ensure_future(_gone(http))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Fault(499, "the caller went away")
            played = work.result()
        finally:
            work.cancel(), gone.cancel()
        made = [(p.trajectory, run) for p, run in zip(played, hearing.runs, strict=True) if not answering.refusal(p)]
        if not made:
            raise answering.refusal(played[0]) or Fault(500, "nothing came of it")
        data = [await self._picture(http, ask, whole.images[0], answering.revised(whole)) for whole, _ in made]
        http.state.told |= {"usd": (spent := answering.usage([whole for whole, _ in made]))["usd"]}
        http.state.told |= {"calls": spent["calls"]}
        return JSONResponse(answering.response(ask, data, [w for w, _ in made], [run for _, run in made]))

    async def _picture(self, http: Request, ask: Ask, image: Image.Image, revised: str) -> dict[str, Any]:
        file = await asyncio.to_thread(answering.encoded, image, ask.output_format)
        if ask.response_format == "url":
            name = self.store.keep(file, answering.MEDIA[ask.output_format])
            return {"url": f"{str(http.base_url).rstrip('/')}/files/{name}", "revised_prompt": revised}
        return {"b64_json": base64.b64encode(file).decode("ascii"), "revised_prompt": revised}


def make(engine: Engine, settings: Settings) -> Any:
    """The ASGI app of a server."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    metrics = Metrics(engine)
    api = Api(engine, settings, metrics)

    @app.exception_handler(Fault)
    @app.exception_handler(PoserError)
    async def _fault(_: Request, error: Exception) -> Response:
        fault = faults.of(error)
        return JSONResponse(fault.body, fault.status, fault.headers)

    @app.exception_handler(HTTPException)
    async def _none(http: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        words = {404: f"no such path: {http.url.path[:80]}", 405: f"{http.method[:20]} is not for this path"}
        detail = str(getattr(error, "detail", ""))[:200]
        return JSONResponse(Fault(status, words.get(status, detail)).body, status)

    @app.post("/v1/images/generations")
    async def generations(http: Request) -> Response:
        try:
            data = await http.json()
        except (ValueError, RecursionError):
            raise Fault(400, "the body is no JSON") from None
        return await api.answer(http, data, Given(), "image_generation")

    @app.post("/v1/images/edits")
    async def edits(http: Request) -> Response:
        if not http.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Fault(400, "send an edit as multipart/form-data, as OpenAI's clients do", param="image")
        async with http.form(max_files=MOST + 1, max_fields=64) as form:
            pictures = await given(form, settings)
            data = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        return await api.answer(http, data, pictures, "image_edit")

    @app.get("/v1/models")
    async def models() -> Any:
        return {"object": "list", "data": [_model(name) for name in engine.agents]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> Any:
        if name not in engine.agents:
            raise Fault(404, f"no model {name!r:.80}; there are {_several(engine)}", "model_not_found", "model")
        return _model(name)

    @app.get("/files/{name}")
    async def file(name: str) -> Response:
        kept = api.store.get(name)
        if kept is None:
            raise Fault(404, "no such picture; it may have expired", "expired")
        return Response(kept.data, media_type=kept.media, headers={"content-disposition": "inline"})

    @app.get("/health")
    async def health() -> Any:
        full = engine.waiting >= engine.backlog
        told = {"waiting": engine.waiting, "playing": engine.playing, "version": VERSION}
        return JSONResponse({"status": "busy" if full else "ok", **told})

    @app.get("/metrics")
    async def numbers() -> Response:
        return Response(metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    studio.add(app)
    if settings.origins:
        methods, headers = ["GET", "POST"], ["authorization", "content-type"]
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.origins), allow_methods=methods, allow_headers=headers
        )
    return Gate(app, settings, metrics)


async def _gone(http: Request) -> None:
    """Returns once the caller has gone away."""
    while (await http.receive())["type"] != "http.disconnect":
        pass


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "poser"}


def _several(engine: Engine) -> str:
    return ", ".join(engine.agents)


def _told(ask: Ask, model: str, kind: str, prompts: bool) -> dict[str, Any]:
    """What the log says of a request; of `user` only a digest."""
    told: dict[str, Any] = {"model": model, "kind": kind, "n": ask.n, "stream": ask.stream, "seed": ask.seed}
    name = ask.safety_identifier or ask.user
    told |= {"user": hashlib.sha256(name.encode()).hexdigest()[:12]} if name else {}
    return told | ({"prompt": ask.prompt} if prompts else {"characters": len(ask.prompt)})

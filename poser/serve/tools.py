"""poser as tools for agents (MCP): draw, edit, explain, list. Over stdio or HTTP, with progress as steps happen."""

from __future__ import annotations

import binascii
import contextlib
import json
import secrets
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver import Image as Content
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings

from experts.images import ImageError, decode, png, unbase64
from poser.agent import Quality
from poser.runs.report import fate
from poser.runs.summary import sentence, step_data, summarise
from poser.seats import Played
from poser.serve.engine import Engine
from poser.serve.faults import Fault
from poser.serve.gate import Gate
from poser.serve.hearing import Hearing
from poser.serve.settings import Settings
from poser.types import PoserError, Step, Task, Trajectory

PATH = "/mcp"
KEPT = 32
"""Runs that can be explained and edited again, in memory, the latest."""
ABOUT = (
    "Carries out long instructions for pictures step by step: each command by the expert that suits it, judged by a "
    "critic, reverted where it got worse. Put all commands into one prompt, a sentence each. Read what was not done."
)


class Runs:
    """The latest runs by random names."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Trajectory] = OrderedDict()

    def keep(self, whole: Trajectory) -> str:
        """Its name."""
        name = secrets.token_hex(6)
        self._kept[name] = whole
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Trajectory:
        """The run of a name. Raises ToolError."""
        if name not in self._kept:
            raise ToolError(f"no run {name[:40]!r}; the last {KEPT} are kept as long as this server runs")
        return self._kept[name]


def make(engine: Engine, settings: Settings) -> MCPServer:
    """The server with its tools."""
    server = MCPServer("poser", instructions=ABOUT)
    runs, default = Runs(), next(iter(engine.agents))

    async def play(task: Task, ctx: Context) -> list[Any]:
        with contextlib.closing(Hearing(engine, default, [task], settings).begin()) as hearing:
            count = 0
            async for heard in hearing.events():
                event = heard[1] if heard else None
                if isinstance(event, Step):
                    count += 1
                    told = step_data(event)
                    score = "no verdict" if told["score"] is None else f"{told['score']:.2f}"
                    words = f"{told['expert'] or 'stop'}: {' '.join(told['command'])} ({told['outcome']}, {score})"
                    await ctx.report_progress(count, task.budget.steps, words)
                if isinstance(event, Played):
                    return answer(event)
        raise ToolError("the run ended without an answer")

    def answer(played: Played) -> list[Any]:
        if played.error is not None:
            raise ToolError(str(played.error)[:300])
        whole = played.trajectory
        name = runs.keep(whole)
        if not whole.images:
            raise ToolError(f"no picture was made (run {name}). {sentence(whole)}")
        return [Content(data=png(whole.images[0]), format="png"), f"run {name}: {sentence(whole)}"]

    def picture(text: str, name: str) -> Any:
        return decode(unbase64(text), name, True, pixels=settings.pixels)

    def task(prompt: str, images: list[Any], seed: int, steps: int | None, usd: float | None, **wishes: Any) -> Task:
        if steps is not None and steps > settings.steps:
            raise ToolError(f"steps {steps} are more than the {settings.steps} that a picture may take here")
        made = engine.agents[default].task(prompt, images or None, seed, steps, **wishes)
        most = made.budget.usd if usd is None else min(made.budget.usd, max(0.0, usd))
        return replace(made, budget=replace(made.budget, usd=most))

    @server.tool(structured_output=False)
    async def generate_image(
        prompt: str,
        ctx: Context,
        seed: int = 0,
        steps: int | None = None,
        usd: float | None = None,
        size: str | None = None,
        quality: Quality = "auto",
        transparent: bool = False,
    ) -> list[Any]:
        """Draws a picture. `prompt` may hold many commands, one sentence each. `seed`: 0 to 2147483647. Budget: `steps`
        (expert calls) and `usd`. Wishes: `size` (WIDTHxHEIGHT), `quality`, `transparent` ground. Gives the picture,
        what was not done and why, and the name of the run."""
        try:
            wishes: Any = {"size": size, "quality": quality, "transparent": transparent}
            return await play(task(prompt, [], seed, steps, usd, **wishes), ctx)
        except (PoserError, Fault) as error:
            raise ToolError(str(error)) from None

    @server.tool(structured_output=False)
    async def edit_image(
        prompt: str,
        ctx: Context,
        image_base64: str = "",
        run: str = "",
        references_base64: list[str] | None = None,
        mask_base64: str = "",
        seed: int = 0,
        steps: int | None = None,
        usd: float | None = None,
        quality: Quality = "auto",
        transparent: bool = False,
    ) -> list[Any]:
        """Edits a picture as the commands in `prompt` say: that of an earlier `run` by its name, or `image_base64`
        (PNG, JPEG or WebP; a data: URL is fine). `references_base64`: further pictures that the prompt speaks of.
        `mask_base64`: white where the picture may change; elsewhere every pixel stays. `transparent`: what is
        transparent stays so."""
        try:
            if bool(image_base64) == bool(run):
                raise ToolError("give image_base64 or run, one of them")
            given = [image_base64, *(references_base64 or ()), mask_base64]
            if sum(map(len, given)) > settings.body:
                raise ToolError(f"the pictures have more than {settings.body:,} characters; make them smaller")
            first = [] if run else [picture(image_base64, "image_base64")]
            if run:
                first = runs.get(run).images
                if not first:
                    raise ToolError(f"run {run!r:.40} has no picture")
            more = [picture(text, "references_base64") for text in references_base64 or ()]
            mask = picture(mask_base64, "mask_base64") if mask_base64 else None
            wishes: Any = {"mask": mask, "quality": quality, "transparent": transparent}
            return await play(task(prompt, [first[0], *more], seed, steps, usd, **wishes), ctx)
        except (PoserError, ImageError, Fault, binascii.Error, ValueError) as error:
            raise ToolError(str(error)) from None

    @server.tool(structured_output=False)
    async def explain_run(run: str) -> str:
        """Why a run came out as it did: every step with its expert, its command, what the critic said, whether it was
        kept and why; and how every command ended. JSON."""
        whole = runs.get(run)
        threshold = engine.agents[default].config.rules.threshold
        ends = [ended._asdict() for ended in summarise(whole).ends]
        steps = [{**step_data(step), "why": fate(step, threshold)} for step in whole.steps]
        told = {"prompt": whole.task.prompt, "seed": whole.task.seed, "policy": whole.policy}
        return json.dumps({**told, "summary": sentence(whole), "ends": ends, "steps": steps}, ensure_ascii=False)

    @server.tool(structured_output=False)
    async def list_experts() -> str:
        """Which experts can be asked: what each draws or edits, its price in USD and its seconds a picture. JSON."""
        cards = engine.agents[default].mdp.actions.cards.values()
        rows = [
            {"id": card.id, "mode": card.mode, "verbs": list(card.verbs), "description": card.description}
            | {"pictures": card.pictures, "mask": card.takes_mask, "wishes": list(card.wishes)}
            | {"usd": card.usd, "seconds": card.seconds, "licence": card.licence}
            for card in cards
        ]
        return json.dumps(rows, ensure_ascii=False)

    return server


def over_http(server: MCPServer, settings: Settings) -> Any:
    """The ASGI app of the tools, behind the gate of every server of ours: host and origin, API key, size and time of a
    request. It needs its lifespan."""
    own = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # the gate's work, for any host
    app = server.streamable_http_app(
        streamable_http_path=PATH, max_request_body_size=settings.body, transport_security=own
    )
    return Gate(app, settings)

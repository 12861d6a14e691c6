"""The studio: a page over the server's own API, without a build step and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response

from poser.runs import report

HERE = Path(__file__).parent
STYLE = Path(report.__file__).with_name("report.css")
"""The design of every page."""
FILES = {
    "/": (HERE / "index.html", "text/html"),
    "/studio/studio.css": (HERE / "studio.css", "text/css"),
    "/studio/studio.js": (HERE / "studio.js", "text/javascript"),
    "/studio/mask.js": (HERE / "mask.js", "text/javascript"),
    "/studio/report.css": (STYLE, "text/css"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""What the page may load and run: scripts and styles from here alone."""


def add(app: FastAPI, files: Mapping[str, tuple[Path, str]] = FILES) -> None:
    """Adds a page's files, path -> file and media type, read once."""
    for path, (file, media) in files.items():
        app.get(path)(_answer(file.read_bytes(), media))


def _answer(data: bytes, media: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        headers = {"content-security-policy": POLICY, "cache-control": "no-cache"}
        return Response(data, media_type=f"{media}; charset=utf-8", headers=headers)

    return answer

"""A hub on loopback: the requests that huggingface_hub 2.4 makes, answered from folders, each one noted.

Routes: `/api/models/REPO[/revision/REV]`, `/api/models/REPO/tree/REV`, `/REPO/resolve/REV/FILE` (HEAD, GET, Range),
with the headers and error codes that the client reads (`huggingface_hub/file_download.py`, `utils/_http.py`). What is
pushed goes into a folder below `Hub.home`: `/api/repos/create`, `/api/models/REPO/preupload/REV`, `.../commit/REV`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".ckpt", ".model", ".onnx", ".msgpack", ".pth")
_ROUTE = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(/.*)?)?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Asked(NamedTuple):
    """A request: its method, the repository, the file ('' for the API), and the bytes of the answer's body."""

    method: str
    repo: str
    file: str
    size: int


class Hub:
    """Repositories by id, each with one commit and the folder that holds its files.

    Attributes:
        gated: ids that want a token.
        away: files that it does not give.
        cut: file -> bytes after which its next GET breaks off.
        asked: every request, in order.
        home: where new repositories go; None: it takes none.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.repos: dict[str, tuple[str, Path]] = {}
        self.gated: set[str] = set()
        self.away: set[str] = set()
        self.cut: dict[str, int] = {}
        self.asked: list[Asked] = []
        self.home: Path | None = None

    def got(self, repo: str = "") -> dict[str, int]:
        """File -> bytes of those that were fetched (of one repository)."""
        return {one.file: one.size for one in self.asked if one.method == "GET" and one.file and one.repo == repo}

    def files(self, repo: str) -> dict[str, int]:
        """File -> bytes of all that a repository holds."""
        folder = self.repos[repo][1]
        return {str(path.relative_to(folder)): path.stat().st_size for path in _paths(folder)}


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@cache
def _digest(path: Path, kind: str) -> str:
    return hashlib.new(kind, path.read_bytes()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:  # noqa: N802
        self._answer()

    def do_GET(self) -> None:  # noqa: N802
        self._answer()

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        if path == "/api/validate-yaml":
            return self._send(200, b"{}", {})
        if self.hub.home is None:
            return self._send(403, b'{"error": "no rights"}', {})
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            folder = self.hub.home / repo
            folder.mkdir(parents=True, exist_ok=True)
            self.hub.repos.setdefault(repo, ("0" * 40, folder))
            return self._send(200, json.dumps({"url": f"{self.hub.url}/{repo}"}).encode(), {}, repo)
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path)
        if found is None:
            return self._send(404, b"{}", {})
        repo, folder = found[1], self.hub.repos[found[1]][1]
        if found[2] == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            told = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            return self._send(200, json.dumps({"files": told}).encode(), {}, repo)
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                (folder / line["value"]["path"]).write_bytes(base64.b64decode(line["value"]["content"]))
        commit = hashlib.sha1(body).hexdigest()
        self.hub.repos[repo] = (commit, folder)
        about = {"commitUrl": f"{self.hub.url}/{repo}/commit/{commit}", "commitOid": commit, "pullRequestUrl": None}
        return self._send(200, json.dumps(about).encode(), {}, repo)

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        api, file = _ROUTE.fullmatch(path), _FILE.fullmatch(path)
        found = api or file
        if found is None:
            return self._send(404, b"{}", {})
        repo = found[1]
        if repo not in self.hub.repos:
            return self._refuse(repo, 404, "RepoNotFound")
        commit, folder = self.hub.repos[repo]
        revision = unquote((api[3] if api else found[2]) or "main")
        if revision not in ("main", commit) and not revision.startswith("refs/pr/"):
            return self._refuse(repo, 404, "RevisionNotFound")
        if file:
            return self._file(repo, commit, folder, unquote(file[3]))
        assert api
        self._send(
            200, json.dumps(self._about(repo, commit, folder, api[2] == "tree", api[4] or "")).encode(), {}, repo
        )

    def _about(self, repo: str, commit: str, folder: Path, tree: bool, below: str) -> Any:
        if not tree:
            names = [{"rfilename": str(p.relative_to(folder)), "size": p.stat().st_size} for p in _paths(folder)]
            return {"id": repo, "modelId": repo, "sha": commit, "private": False, "tags": [], "siblings": names}
        rows = []
        for path in _paths(folder / below.strip("/")):
            size = path.stat().st_size
            row: dict[str, Any] = {"type": "file", "path": str(path.relative_to(folder)), "size": size}
            row["oid"] = _digest(path, "sha1")
            if path.suffix in LARGE:
                row["lfs"] = {"oid": _digest(path, "sha256"), "size": size, "pointerSize": 134}
            rows.append(row)
        return rows

    def _file(self, repo: str, commit: str, folder: Path, name: str) -> None:
        path = folder / name
        if repo in self.hub.gated and not self.headers.get("authorization"):
            return self._refuse(repo, 401, "GatedRepo", commit)
        if not path.is_file() or name in self.hub.away:
            return self._refuse(repo, 404, "EntryNotFound", commit)
        body, etag = path.read_bytes(), _digest(path, "sha256" if path.suffix in LARGE else "sha1")
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        given = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range") or "")
        if given:
            start, end = int(given[1]), int(given[2] or len(body) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
            body = body[start : end + 1]
        self._send(206 if given else 200, body, headers, repo, name)

    def _refuse(self, repo: str, status: int, code: str, commit: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": code, **({"X-Repo-Commit": commit} if commit else {})}
        self._send(status, b"", headers, repo)

    def _send(self, status: int, body: bytes, headers: dict[str, str], repo: str = "", file: str = "") -> None:
        cut = self.hub.cut.pop(file, None) if self.command == "GET" else None
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        body = body[:cut]
        self.hub.asked.append(Asked(self.command, repo, file, 0 if self.command == "HEAD" else len(body)))
        if self.command != "HEAD":
            self.wfile.write(body)
        if cut is not None:
            self.close_connection = True


@contextmanager
def served(port: int = 0) -> Iterator[Hub]:
    """A hub that answers at `hub.url` until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

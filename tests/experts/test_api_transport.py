"""The way of requests: connections are used again, proxies of the environment are used, deadlines hold there too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from experts.api import _http


class Server(ThreadingHTTPServer):
    """Answers anything, as a proxy would too; remembers what was asked, and from which ports."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.ports: set[int] = set()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.ports.add(self.client_address[1])
        if self.path.endswith("slow"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.server.over.wait(0.05):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    break
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.over.set()
        found.shutdown()


def test_a_connection_is_used_again(server: Server) -> None:
    with _http.client(1.0) as http:
        for _ in range(3):
            assert http.get(f"{server.url}/a", timeout=30.0).json() == {}
    assert server.paths == ["/a"] * 3 and len(server.ports) == 1


def test_proxies_of_the_environment_are_gone_through(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    with _http.client(1.0) as http:
        assert http.get("http://service.example/v1", timeout=30.0).json() == {}
        assert server.paths == ["http://service.example/v1"]
        start = time.perf_counter()
        with pytest.raises(httpx2.ReadTimeout):
            http.get("http://service.example/slow", timeout=0.5)
        assert 0.4 < time.perf_counter() - start < 15
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert http.get(f"{server.url}/near", timeout=30.0).json() == {} and server.paths[-1] == "/near"


def test_errors_are_those_of_the_client(server: Server) -> None:
    with _http.client(1.0) as http:
        with pytest.raises(httpx2.ConnectError) as caught:
            http.get("http://127.0.0.1:1/", timeout=30.0)
        assert str(caught.value.request.url) == "http://127.0.0.1:1/"
        with pytest.raises(httpx2.UnsupportedProtocol):
            http.get("ftp://127.0.0.1/", timeout=30.0)

"""The guard of conftest: tests cannot leave this machine."""

from __future__ import annotations

import os
import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "2001:db8::1"])
def test_other_machines_are_out_of_reach(host):
    with pytest.raises(RuntimeError, match="mark it `net`"):
        socket.create_connection((host, 80), timeout=1)


def test_this_machine_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()


def test_the_hub_is_offline():
    assert os.environ["HF_HUB_OFFLINE"] == "1"

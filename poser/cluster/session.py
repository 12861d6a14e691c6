"""The connection to a Ray cluster: made once a process, refused with one line where it cannot be."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from threading import Lock, current_thread, main_thread
from typing import Any

from poser.cluster.placing import Node
from poser.cluster.settings import Engine
from poser.types import PoserError

OBJECTS = 2**30
"""Bytes of the object store of a cluster that is begun here: some hundred pictures of 1,024 px, which pass through."""
GRACE = 3.0
"""Seconds in which a cluster has to take a connection: Ray itself would try for minutes."""
_LOCK = Lock()
LOG = logging.getLogger(__name__)


def connected(engine: Engine) -> Any:
    """The module `ray`, connected to the cluster of `engine`; a connection that is there already is used.

    Raises PoserError: ray is not installed, or there is no such cluster.
    """
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray
    except ImportError:
        raise PoserError("engine ray needs the package ray; type: pip install 'poser[ray]', or --engine here") from None
    with _LOCK:
        if not ray.is_initialized():
            _refused(lambda: ray.init(**_options(engine.address)), engine.address)
            ray._private.worker.print_to_stdstream = _logged
    return ray


def _options(address: str) -> dict[str, Any]:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    if address == "local":
        return quiet | {"address": "local", "object_store_memory": OBJECTS, "_node_ip_address": "127.0.0.1"}
    return quiet | {"address": address}


def _logged(data: Mapping[str, Any], ignore_prefix: bool) -> None:
    """What Ray says of its processes: it would print it to standard output, which belongs to results."""
    LOG.info("%s", " ".join(map(str, data.get("lines", ()))))


def _refused(begin: Callable[[], Any], address: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        host, _, port = address.rpartition(":")
        if port.isdigit() and "://" not in address:
            socket.create_connection((host, int(port)), GRACE).close()
        begin()
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise PoserError(
            f"engine.address {address!r}: no Ray cluster there ({first.strip():.160}); begin one with: ray start "
            "--head, or set engine.address=local"
        ) from None
    finally:
        if (
            current_thread() is main_thread()
        ):  # Ray puts its own there, and a run that is terminated has to end in order
            signal.signal(signal.SIGTERM, before)


def nodes(ray: Any) -> list[Node]:
    """The machines that are up, with what they have and what is free."""
    from ray._private.state import available_resources_per_node

    free = available_resources_per_node()
    found = []
    for row in ray.nodes():
        if row["Alive"]:
            id = row["NodeID"]
            has = {name: float(amount) for name, amount in row["Resources"].items()}
            found.append(Node(f"{row['NodeManagerAddress']} {id[:6]}", has, free.get(id, {})))
    return found

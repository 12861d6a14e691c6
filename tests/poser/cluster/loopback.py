"""A Ray cluster of several nodes on this machine, on 127.0.0.1 only; nothing of it is left afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # before ray is imported: 127.0.0.1 stays what it is
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
MIB = 80
"""Of each node's object store."""
HEAD: dict[str, Any] = {
    "num_cpus": 0,
    "include_dashboard": False,
    "_system_config": {"health_check_timeout_ms": 120_000},  # a busy machine is no failure
}


@contextlib.contextmanager
def cluster(nodes: Sequence[dict[str, Any]] = ({"num_cpus": 2}, {"num_cpus": 2})) -> Iterator[Any]:
    """A head that takes no work, and these nodes; this process is not connected to it."""
    import ray
    from ray.cluster_utils import Cluster

    found = Cluster()
    try:
        for node in (HEAD, *nodes):
            added(found, **node)
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


def added(found: Any, **node: Any) -> Any:
    """A node more, which is up. Ray gives it 30 s to begin, which a busy machine may not have: it has three tries."""
    for left in (2, 1, 0):
        try:
            one = found.add_node(**node, object_store_memory=MIB * 2**20, node_ip_address="127.0.0.1")
            break
        except Exception:
            if not left:
                raise
    found.wait_for_nodes(120)
    return one

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


@contextlib.contextmanager
def cluster(nodes: Sequence[dict[str, Any]] = ({"num_cpus": 2}, {"num_cpus": 2})) -> Iterator[Any]:
    """A head that takes no work, and these nodes; this process is not connected to it."""
    import ray
    from ray.cluster_utils import Cluster

    fixed: dict[str, Any] = {"object_store_memory": MIB * 2**20, "node_ip_address": "127.0.0.1"}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **fixed})
    try:
        for node in nodes:
            found.add_node(**node, **fixed)
        found.wait_for_nodes()
        yield found
    finally:
        ray.shutdown()
        found.shutdown()

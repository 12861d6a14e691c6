"""Where models run, as a config says it: `engine: here`, or `engine: {name: ray, places: [...]}`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from experts.entries import Checked, Flag

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Place(Checked):
    """Workers of one kind: processes that can do the same.

    Attributes:
        experts: ids of those that it holds; None: every one that runs locally, where it has no critic; () otherwise.
        critic: whether it holds the critic.
        replicas: how many of them; 0: as many as there is room for.
        cpus, gpus: what one of them takes of its machine; a part of a GPU is a share of its memory too.
        resources: custom resources of Ray that one of them takes.
    """

    experts: tuple[str, ...] | None = None
    critic: Flag = False
    replicas: Annotated[int, Field(ge=0, le=10_000)] = 1
    cpus: Amount = 1.0
    gpus: Amount = 0.0
    resources: dict[str, Amount] = {}

    @property
    def demand(self) -> dict[str, float]:
        """What a replica takes of its machine, by the names that Ray gives resources."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, **self.resources}
        return {name: amount for name, amount in wanted.items() if amount > 0}


class Engine(Checked):
    """Where models run.

    Attributes:
        name: 'here', in this process; 'ray', in actors of a Ray cluster.
        address: of the cluster: 'auto' (the one that runs on this machine), 'HOST:PORT', or 'local' (begin one on this
            machine and end it afterwards).
        timeout: seconds a call may take, waiting for its worker included.
        wait: seconds a place may wait for nodes that are not there yet (autoscaling); 0: it is an error.
        restarts: how often a worker that died is begun anew.
        reproducible: a group of requests goes whole to one worker, so that pictures do not depend on how many there
            are; without it, groups are cut over all workers.
        shards: processes that play episodes side by side, for `poser batch` and `poser train`.
        places: the workers; (): one kind with every local expert and the critic, one a GPU, or one a node.
    """

    name: Literal["here", "ray"] = "here"
    address: str = "auto"
    timeout: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    wait: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    restarts: Annotated[int, Field(ge=0, le=1000)] = 3
    reproducible: Flag = True
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    places: tuple[Place, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

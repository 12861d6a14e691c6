"""Who is in memory, on two levels. RAM: every model once, equal weights aliased. The device: as many as there is room
for; coming in is one copy a block, leaving copies nothing. Experts and critics ask the same `Residency`."""

from experts.residency.devices import Device, Host, Mirror
from experts.residency.events import Event, NoRoom
from experts.residency.home import Residency
from experts.residency.limits import DTYPES
from experts.residency.weights import GIB, module_bytes, parts_of, weight_bytes

__all__ = [
    "DTYPES",
    "GIB",
    "Device",
    "Event",
    "Host",
    "Mirror",
    "NoRoom",
    "Residency",
    "module_bytes",
    "parts_of",
    "weight_bytes",
]

"""Which models are in RAM, which of them are on the device, and when they move; experts and critics share one instance.

Start with `residency.py`: `Residency` decides, `in_ram.py` and `on_device.py` hold the models, `weights.py` and
`devices.py` copy.
"""

from experts.memory.devices import GIB, Mirror
from experts.memory.in_ram import NoRoom, module_bytes
from experts.memory.on_device import weight_files
from experts.memory.residency import DeviceLock, Residency

__all__ = ["GIB", "DeviceLock", "Mirror", "NoRoom", "Residency", "module_bytes", "weight_files"]

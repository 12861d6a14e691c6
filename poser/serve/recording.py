"""An episode that is written into a folder of its own as it goes, so that one that was cut off goes on with
`poser run --resume`."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from pathlib import Path

from experts.files import FolderInUse, held
from poser.runs.record import Recorder
from poser.runs.report import render
from poser.serve.engine import Event, Tell
from poser.types import PoserError, Step, Trajectory

log = logging.getLogger("poser.serve")


class Recorded:
    """A `Tell` that records what it hears in `folder` and hands it on. What cannot be written is logged, once; the
    caller gets the answer all the same."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self.folder, self._tell = folder, tell
        self._recorder: Recorder | None = None
        self._place = contextlib.ExitStack()

    def __call__(self, event: Event) -> None:
        """Records, then tells."""
        try:
            self._write(event)
        except (PoserError, FolderInUse, OSError) as error:
            log.error("a run is not recorded any more: %s", error)
            self._recorder = None
            self._place.close()
        self._tell(event)

    def _write(self, event: Event) -> None:
        if isinstance(event, Trajectory):
            self._place.enter_context(held(self.folder, new=True))
            self._recorder = Recorder(self.folder)
            self._recorder.start(replace(event, steps=()))
        elif isinstance(event, Step):
            if self._recorder:
                self._recorder.step(event)
        else:
            if self._recorder and event.error is None:
                whole = event.trajectory
                self._recorder.end(whole, render(whole, str(self.folder)).encode())
            self._recorder = None
            self._place.close()

"""How far a transfer is, on a terminal that can draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class ProgressBar:
    """One line that redraws itself and leaves nothing behind."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=stream, _environ=environ),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("")
        self._progress.start()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Say how many bytes of how many are done."""
        self._progress.update(self._task, description=what, completed=done, total=total, refresh=True)

    def remove(self) -> None:
        """Clear the line."""
        self._progress.stop()

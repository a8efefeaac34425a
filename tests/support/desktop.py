"""Runs the program in real processes with a real Secret Service."""

from __future__ import annotations

from pathlib import Path

from support.process import Program
from support.secret_service import SecretService


class Desktop(Program):
    """A program whose keyring is the Secret Service, which keyring finds by itself."""

    def __init__(self, home: Path, service: SecretService, *, is_measured: bool = False) -> None:
        super().__init__(home, is_measured=is_measured)
        self.service = service
        del self.environ["PYTHON_KEYRING_BACKEND"]
        del self.environ["PYTHONWARNINGS"]  # keyring's backend leaves its connection to the garbage collector
        self.environ |= service.bus

    @property
    def entry_names(self) -> list[str]:
        return sorted(item.attributes["service"] for item in self.service.items())

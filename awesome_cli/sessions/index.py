"""SessionIndex: a file that lists the profiles with a session, because the entries of a keyring cannot be listed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from awesome_cli.settings.profile import is_profile_name
from awesome_cli.system.files import read_object, write_private


class SessionIndex:
    """``{"profiles": {NAME: STORE}}`` as JSON, where STORE is the ``backend_name`` of the session's store.

    ``lock`` keeps processes from overwriting each other's changes. Changing the index may raise OSError.
    """

    def __init__(
        self, path: Path, lock: Callable[[], AbstractContextManager[object]], *, warn: Callable[[str], None]
    ) -> None:
        self.path = path
        self._lock = lock
        self._warn = warn

    def stores(self) -> dict[str, str]:
        """Return the stores by profile name; an index that cannot be read is empty."""
        try:
            profiles = read_object(self.path).get("profiles")
        except OSError:
            profiles = None
        if not isinstance(profiles, dict):
            if os.path.lexists(self.path):
                self._warn(f"{self.path} cannot be read; some profiles with a session may not be listed.")
            return {}
        return {name: store for name, store in profiles.items() if is_profile_name(name) and isinstance(store, str)}

    def add(self, profile: str, store: str) -> None:
        if self.stores().get(profile) != store:
            with self._lock():
                self._write({**self.stores(), profile: store})

    def remove(self, profile: str) -> None:
        if profile in self.stores():
            with self._lock():
                self._write({name: store for name, store in self.stores().items() if name != profile})

    def _write(self, stores: dict[str, str]) -> None:
        write_private(self.path, json.dumps({"profiles": stores}, indent=2) + "\n")

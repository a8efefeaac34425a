"""Which profiles have a session and in which store. Not secret: a keyring cannot list its entries."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from awesome_cli.settings.profile import is_profile_name
from awesome_cli.system.files import read_object, write_private


class SessionIndex:
    """A JSON file of ``{"profiles": {NAME: STORE}}``. One that cannot be read counts as empty.

    ``lock`` keeps processes from overwriting each other's lines. Changing it may raise OSError.
    """

    def __init__(
        self,
        path: Path,
        lock: Callable[[], AbstractContextManager[object]],
        *,
        warn: Callable[[str], None],
    ) -> None:
        self._path = path
        self._lock = lock
        self._warn = warn

    def stores(self) -> dict[str, str]:
        """Return the kind of store by profile name."""
        try:
            profiles = read_object(self._path).get("profiles")
        except OSError:
            profiles = None
        if not isinstance(profiles, dict):
            if os.path.lexists(self._path):
                self._warn(f"{self._path} cannot be read; logout --all may not know of every session.")
            return {}
        return {name: store for name, store in profiles.items() if is_profile_name(name) and isinstance(store, str)}

    def add(self, profile: str, store: str) -> None:
        """Say that the profile has a session in that store."""
        if self.stores().get(profile) != store:
            self._change(lambda stores: stores.update({profile: store}))

    def remove(self, profile: str) -> None:
        """Say that the profile has none."""
        if profile in self.stores():
            self._change(lambda stores: stores.pop(profile, None))

    def _change(self, change: Callable[[dict[str, str]], object]) -> None:
        with self._lock():
            stores = self.stores()
            change(stores)
            write_private(self._path, json.dumps({"profiles": stores}, indent=2) + "\n")

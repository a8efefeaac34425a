"""SessionIndex: a file that lists the profiles with a session, because the entries of a keyring cannot be listed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from awesome_cli.keystore.names import store_name
from awesome_cli.sessions.manifest import applications_in_index, warnings_in_index
from awesome_cli.settings.profile_names import is_profile_name
from awesome_cli.system.files import read_object, write_private


class SessionIndex:
    """``{"profiles": {NAME: STORE}, "applications": {STORE: APPLICATION}, "warned_at": {NAME: INSTANT}}`` as JSON.

    STORE is the ``backend_name`` of the session's store; APPLICATION is the name by which people know what is behind
    it, as far as it was found at a sign-in; INSTANT is when the profile was last warned of its session's end.

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
        profiles = self._read().get("profiles")
        if not isinstance(profiles, dict):
            if os.path.lexists(self.path):
                self._warn(f"{self.path} cannot be read; some profiles with a session may not be listed.")
            return {}
        return {name: store for name, store in profiles.items() if is_profile_name(name) and isinstance(store, str)}

    def applications(self) -> dict[str, str]:
        """Return the applications by store."""
        return applications_in_index(self._read())

    def store_name(self, store: str) -> str:
        """Return the name by which people know a store."""
        return store_name(store, self.applications())

    def add(self, profile: str, store: str, application: str = "") -> None:
        if self.stores().get(profile) != store or self.applications().get(store, "") != application:
            with self._lock():
                applications = {**self.applications(), store: application}
                self._write({**self.stores(), profile: store}, applications)

    def remove(self, profile: str) -> None:
        if profile in self.stores():
            with self._lock():
                stores = {name: store for name, store in self.stores().items() if name != profile}
                self._write(stores, self.applications())

    def warned_at(self, profile: str) -> float | None:
        return warnings_in_index(self._read()).get(profile)

    def set_warned_at(self, profile: str, now: float) -> None:
        with self._lock():
            self._write(self.stores(), self.applications(), {profile: now})

    def _read(self) -> dict[str, Any]:
        try:
            return read_object(self.path)
        except OSError:
            return {}

    def _write(
        self, stores: dict[str, str], applications: dict[str, str], warned: Mapping[str, float] | None = None
    ) -> None:
        known = {store: name for store, name in applications.items() if name and store in stores.values()}
        warnings = {**warnings_in_index(self._read()), **(warned or {})}
        kept = {profile: at for profile, at in warnings.items() if profile in stores}
        index = (
            {"profiles": stores} | ({"applications": known} if known else {}) | ({"warned_at": kept} if kept else {})
        )
        write_private(self.path, json.dumps(index, indent=2) + "\n")

"""``config.toml``: the settings that are kept, read with care and written without losing anybody's comments."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from awesome_cli.errors import ConfigError
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.settings.profile import SWITCHES, TEXTS, Settings, is_profile_name
from awesome_cli.system.files import read_private, write_private
from awesome_cli.text import safe, secure_url


class ConfigFile:
    """``config.toml``: nothing secret, one table ``[profiles.NAME]`` a profile. Comments and order survive a save."""

    def __init__(self, path: Path, text: str, lock: Callable[[], AbstractContextManager[object]]) -> None:
        self.path = path
        self.text = text
        self._lock = lock
        document = tomllib.loads(text)
        self._profiles: Mapping[str, dict[str, Any]] = _tables(document)
        self._strays = set(document) - {"profiles"}

    @classmethod
    def read(cls, path: Path, lock: Callable[[], AbstractContextManager[object]] = nullcontext) -> ConfigFile:
        """Read the file; one that is absent is empty. Raises ConfigError, naming file and line of what is wrong.

        ``lock`` keeps processes from overwriting each other's changes.
        """
        try:
            config = cls(path, (read_private(path) or "").removeprefix("\ufeff"), lock)
        except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError are ValueErrors
            raise ConfigError(f"{path} cannot be used: {safe(str(error))}.", hint="Mend or remove it.") from error
        for name in config.names:
            config._require(is_profile_name(name), name, safe(repr(name), 80), "is no name for a profile")
        return config

    @property
    def names(self) -> list[str]:
        """The profiles that the file has settings for."""
        return list(self._profiles)

    def profile(self, name: str) -> dict[str, Any]:
        """Return the checked settings of one profile. Raises ConfigError, naming the line of one that is unusable."""
        table = {key: value for key, value in self._profiles.get(name, {}).items() if value != ""}
        for key, value in table.items():
            if key in SWITCHES:
                self._require(isinstance(value, bool), name, key, "must be true or false")
            elif key in (*ENDPOINTS, "issuer", "api_url"):
                self._require(secure_url(value) is not None, name, key, "must be an https:// URL")
            elif key in TEXTS:
                self._require(isinstance(value, str), name, key, "must be a text")
        return table

    @property
    def unknown(self) -> set[str]:
        """What the file says and nobody reads: misspelt, or in the wrong place, most likely."""
        known = {*TEXTS, *SWITCHES, *ENDPOINTS}
        return self._strays.union(*(set(table) - known for table in self._profiles.values()))

    def save(self, name: str, settings: Settings) -> None:
        """Write settings into the profile, where they differ. Raises OSError or ConfigError, if that cannot be done."""
        changes: Settings = {key: value for key, value in settings.items() if value}
        table = self._profiles.get(name, {})
        issuer = {key: changes[key] for key in ("issuer", "domain") if key in changes}
        if any(table.get(key) != value for key, value in issuer.items()):
            # Two spellings of one setting: the last one said stays. Endpoints were those of the issuer before.
            changes = {"issuer": None, "domain": None, **dict.fromkeys(ENDPOINTS), **changes}
        if any(table.get(key) != value for key, value in changes.items()):
            self._change(lambda document: _apply(document, name, changes))

    def remove(self, name: str) -> None:
        """Forget the profile's settings. Raises OSError or ConfigError, if that cannot be done."""
        if name in self._profiles:
            self._change(lambda document: document.get("profiles", {}).pop(name, None))

    def _change(self, change: Callable[[Any], object]) -> None:
        """Change the file as it is now: it may have been written while a person was waited for."""
        with self._lock():
            text = ConfigFile.read(self.path).text
            try:
                document = tomlkit.parse(text)
                change(document)
                text = tomlkit.dumps(document)
                tomllib.loads(text)
            except (ValueError, KeyError, RecursionError) as error:  # what it can do is less than what tomllib reads
                raise ConfigError(
                    f"{self.path} is written in a way that cannot be changed here.",
                    hint="Write each profile as a table of its own, [profiles.NAME], and nothing nested deeply.",
                ) from error
            write_private(self.path, text)

    def _require(self, holds: bool, profile: str, key: str, rule: str) -> None:  # noqa: FBT001 - reads like assert
        if not holds:
            line = _line_of(self.text, profile, key)
            raise ConfigError(f"{self.path}, line {line}: {key} {rule}.", hint="Mend or remove that line.")


def _tables(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise ValueError("profiles must be tables, written as [profiles.NAME]")
    return profiles


def _apply(document: tomlkit.TOMLDocument, name: str, changes: Settings) -> None:
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    if name not in profiles:
        profiles[name] = tomlkit.table()
    table: Table = profiles[name]
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def _line_of(text: str, profile: str, key: str) -> int:
    """Find the line of a setting, or of its table, for a message: tomllib keeps no positions of values."""
    lines = text.split("\n")  # as TOML counts them; a carriage return before it counts as a blank
    header = re.compile(rf"\s*\[\s*profiles\s*\.\s*[\"']?{re.escape(profile)}[\"']?\s*\]")
    start = next((number for number, line in enumerate(lines) if header.match(line)), 0)
    setting = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    return 1 + next((start + offset for offset, line in enumerate(lines[start:]) if setting.match(line)), start)

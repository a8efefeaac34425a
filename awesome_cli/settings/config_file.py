"""``config.toml``: reads and checks the settings of profiles, and changes them without losing comments."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awesome_cli.brand import DEFAULT_PROFILE, FLOWS
from awesome_cli.errors import ConfigError
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.settings.profile import (
    FILE_SETTINGS,
    REDIRECT_URI_RULE,
    SWITCH_SETTINGS,
    TEXT_SETTINGS,
    Settings,
    is_redirect_uri,
)
from awesome_cli.settings.profile_names import KEY, is_profile_name
from awesome_cli.system.files import read_private, write_private
from awesome_cli.text import safe
from awesome_cli.urls import secure_url

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class ConfigFile:
    """One table ``[profiles.NAME]`` for each profile. It contains no secrets."""

    def __init__(self, path: Path, text: str, lock: Callable[[], AbstractContextManager[object]]) -> None:
        self.path = path
        self.text = text
        self._lock = lock
        document = tomllib.loads(text)
        self._profiles: Mapping[str, dict[str, Any]] = document.pop("profiles", {})
        self.default_profile = document.pop(KEY, DEFAULT_PROFILE)
        self._other_keys = set(document)
        tables = self._profiles.values() if isinstance(self._profiles, dict) else [None]
        if not all(isinstance(table, dict) for table in tables):
            raise ValueError("profiles must be tables, written as [profiles.NAME]")
        if not isinstance(self.default_profile, str) or not is_profile_name(self.default_profile):
            raise ValueError(f"{KEY} is not a valid profile name")

    @classmethod
    def read(cls, path: Path, lock: Callable[[], AbstractContextManager[object]] = nullcontext) -> ConfigFile:
        """Read the file; one that does not exist is empty. Raises ConfigError with the file and line of a mistake.

        ``lock`` keeps processes from overwriting each other's changes.
        """
        try:
            config = cls(path, (read_private(path) or "").removeprefix("\ufeff"), lock)
        except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError are ValueErrors
            raise ConfigError(f"{path} cannot be used: {safe(str(error))}.", hint="Correct or remove it.") from error
        for name in config.names:
            if not is_profile_name(name):
                raise config._error(name, safe(repr(name), 80), "is not a valid profile name")
        return config

    @property
    def names(self) -> list[str]:
        """The profiles that have settings in the file."""
        return list(self._profiles)

    def profile(self, name: str) -> dict[str, Any]:
        """Return the settings of one profile. Raises ConfigError with the line of one that is invalid."""
        table = {key: value for key, value in self._profiles.get(name, {}).items() if value != ""}
        for key, value in table.items():
            if key in SWITCH_SETTINGS and not isinstance(value, bool):
                raise self._error(name, key, "must be true or false")
            if key in (*ENDPOINTS, "issuer", "api_url") and secure_url(value) is None:
                raise self._error(name, key, "must be an https:// URL")
            if key in (*TEXT_SETTINGS, *FILE_SETTINGS) and not isinstance(value, str):
                raise self._error(name, key, "must be a string")
            if key == "flow" and value not in FLOWS:
                raise self._error(name, key, f"must be one of {', '.join(FLOWS)}")
            if key == "redirect_uri" and not is_redirect_uri(value):
                raise self._error(name, key, REDIRECT_URI_RULE)
        return table

    @property
    def unknown(self) -> set[str]:
        """Keys that have no meaning: most likely misspelled, or in the wrong table."""
        known = {*TEXT_SETTINGS, *SWITCH_SETTINGS, *FILE_SETTINGS, *ENDPOINTS}
        return self._other_keys.union(*(set(table) - known for table in self._profiles.values()))

    def save(self, name: str, settings: Settings) -> None:
        """Write the settings that differ into the profile. Raises OSError or ConfigError, if that is not possible."""
        changes: Settings = {key: value for key, value in settings.items() if value}
        table = self._profiles.get(name, {})
        if any(table.get(key) != changes[key] for key in ("issuer", "domain") if key in changes):
            # Of issuer and domain only the new one stays; the endpoints were those of the old issuer.
            changes = {"issuer": None, "domain": None, **dict.fromkeys(ENDPOINTS), **changes}
        if any(table.get(key) != value for key, value in changes.items()):
            self._change(lambda document: _update(document, name, changes))

    def set_default_profile(self, name: str) -> None:
        """Let commands that name no profile use this one. Raises OSError or ConfigError, if that is not possible."""
        if name != self.default_profile:
            self._change(lambda document: _set_default(document, name))

    def remove(self, name: str) -> None:
        """Remove the settings of the profile. Raises OSError or ConfigError, if that is not possible."""
        if name in self._profiles or name == self.default_profile != DEFAULT_PROFILE:
            self._change(lambda document: _remove(document, name))

    def _change(self, change: Callable[[Any], object]) -> None:
        """Change the file as it is now: it may have been written since it was read."""
        import tomlkit

        with self._lock():
            text = ConfigFile.read(self.path).text
            try:
                document = tomlkit.parse(text)
                change(document)
                text = tomlkit.dumps(document)
                tomllib.loads(text)
            except (ValueError, KeyError, RecursionError) as error:  # tomlkit supports less than tomllib
                raise ConfigError(
                    f"{self.path} is written in a way that cannot be changed here.",
                    hint="Write each profile as a table of its own, [profiles.NAME], and nothing nested deeply.",
                ) from error
            write_private(self.path, text)

    def _error(self, profile: str, key: str, rule: str) -> ConfigError:
        line = _line_of(self.text, profile, key)
        return ConfigError(f"{self.path}, line {line}: {key} {rule}.", hint="Correct or remove that line.")


def _set_default(document: TOMLDocument, name: str) -> None:
    if name == DEFAULT_PROFILE:
        document.pop(KEY, None)
    else:
        document[KEY] = name


def _remove(document: TOMLDocument, name: str) -> None:
    document.get("profiles", {}).pop(name, None)
    if document.get(KEY) == name:
        _set_default(document, DEFAULT_PROFILE)


def _update(document: TOMLDocument, name: str, changes: Settings) -> None:
    import tomlkit

    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    table = profiles.setdefault(name, tomlkit.table())
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def _line_of(text: str, profile: str, key: str) -> int:
    """Find the line of a setting, or of its table: tomllib does not report the positions of values."""
    lines = text.split("\n")
    header = re.compile(rf"\s*\[\s*profiles\s*\.\s*[\"']?{re.escape(profile)}[\"']?\s*\]")
    start = next((number for number, line in enumerate(lines) if header.match(line)), 0)
    setting = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    return 1 + next((start + offset for offset, line in enumerate(lines[start:]) if setting.match(line)), start)

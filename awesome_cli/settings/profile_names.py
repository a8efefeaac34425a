"""Names of profiles: which are valid, and which one ``config.toml`` makes the default. The fast path imports it."""

from __future__ import annotations

from awesome_cli.brand import DEFAULT_PROFILE

KEY = "default_profile"
LONGEST_NAME = 64
_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def is_profile_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and _CHARACTERS.issuperset(name)


def default_profile(text: str) -> str | None:
    """Return the default profile of a config file's text; None, if only a TOML parser can tell.

    It is set before the first table, in the one form in which this package writes it: ``default_profile = "NAME"``.
    """
    if KEY not in text:
        return DEFAULT_PROFILE
    for line in text.splitlines():
        if line.startswith("["):
            return DEFAULT_PROFILE
        name = line.removeprefix(f'{KEY} = "').removesuffix('"')
        if len(line) == len(KEY) + len(name) + len(' = ""'):
            return name if is_profile_name(name) else None
        if line.strip() and not line.startswith("#"):
            return None
    return DEFAULT_PROFILE

"""The card's entry as text: its name, its shape, its checksum. Imports next to nothing, for the fast lane's sake."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

VERSION = 1
LAST_INSTANT = 253_402_300_800.0  # seconds since the epoch: the year 10000, which no calendar of ours can write
MAX_CHUNKS = 1000  # 1.2 million characters; beyond lies a keyring that answers everything
USER_FIELDS = {
    "issuer",
    "client_id",
    "sub",
    "name",
    "email",
    "scope",
    "audience",
    "signed_in_at",
    "expires_at",
    "refreshable",
}


def manifest_name(keyring_service: str, profile: str) -> str:
    """Return the name of the entry that holds the profile's card."""
    return f"{keyring_service}:{profile}"


def encode_manifest(manifest: Mapping[str, Any]) -> str:
    """Write the entry."""
    return dump_json({**manifest, "checksum": _checksum(manifest)})


def decode_manifest(text: str) -> dict[str, Any] | None:
    """Return the entry if it is whole and of our version. The checksum is against accidents, not malice."""
    manifest = parse(text)
    checksum = manifest.pop("checksum", None)
    return manifest if _is_shaped(manifest) and checksum == _checksum(manifest) else None


def is_valid_field(name: str, value: object) -> bool:
    """Whether a member of a card has the type that its name promises: an instant, a yes or no, or a text."""
    if name in ("signed_in_at", "expires_at"):
        return isinstance(value, float) and 0 <= value < LAST_INSTANT
    if name == "refreshable":
        return isinstance(value, bool)
    return isinstance(value, str) or (value is None and name in ("email", "audience"))


def dump_json(value: object) -> str:
    """Write compact JSON. Braces in texts are escaped: KeePassXC fills in ``{USERNAME}`` and its like when it reads."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', _escape_braces, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _escape_braces(text: re.Match[str]) -> str:
    return text[0].replace("{", "\\u007b").replace("}", "\\u007d")


def parse(text: str) -> dict[str, Any]:
    """Read a JSON object; anything else is an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_shaped(manifest: Mapping[str, Any]) -> bool:
    return (
        set(manifest) == {"version", "card", "generation", "overflow", "overflow_digest", "parts", "digest"}
        and manifest["version"] == VERSION
        and isinstance(manifest["card"], dict)
        and all(is_valid_field(name, value) for name, value in manifest["card"].items())
        and manifest["generation"] in ("a", "b")
        and isinstance(manifest["overflow"], int)
        and isinstance(manifest["parts"], int)
        and 0 <= manifest["overflow"] <= manifest["parts"] <= MAX_CHUNKS
        and isinstance(manifest["overflow_digest"], str)
        and isinstance(manifest["digest"], str)
    )


def _checksum(manifest: Mapping[str, Any]) -> int:
    return binascii.crc32(dump_json(manifest).encode("utf-8", "surrogatepass"))

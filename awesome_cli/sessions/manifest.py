"""The manifest of a stored session as text: entry name, JSON members, checksum; and members of ``sessions.json``.

The fast path imports it.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

VERSION = 1
_CHECKSUM = ',"checksum":'
LAST_INSTANT = 253_402_300_800.0  # seconds since the epoch: the year 10000, which datetime cannot represent
DAY = 86400.0  # seconds
ANNOUNCED_BEFORE = 3 * DAY  # how long before the end of a session its user is warned
MAX_CHUNKS = 1000  # 1.2 million characters; more exist only in a keyring that returns a secret for every name
_TEXTS, _OPTIONAL_TEXTS = {"issuer", "client_id", "sub", "name", "scope"}, {"email", "audience"}
_TIMES = {"signed_in_at", "expires_at", "session_expires_at"}
LATER_FIELDS = {"requested_scope", "session_expires_at"}  # sessions that were stored by earlier versions lack them
USER_FIELDS = (_TEXTS | _OPTIONAL_TEXTS | _TIMES | {"refreshable"}) - LATER_FIELDS


def manifest_name(keyring_service: str, profile: str) -> str:
    return f"{keyring_service}:{profile}"


def plaintext_file_name(profile: str) -> str:
    """Return the name of the file that takes the place of the keyring in the state folder."""
    return f"insecure-session-{profile}.json"


def encode_manifest(manifest: Mapping[str, Any]) -> str:
    """Return the manifest as JSON; the last member is a checksum of the others as they are written."""
    text = dump_json(manifest)
    return f"{text[:-1]}{_CHECKSUM}{_checksum(text)}}}"


def decode_manifest(text: str) -> dict[str, Any] | None:
    """Return the manifest if it is undamaged and of our version. The checksum does not detect malicious changes."""
    manifest = parse_json_object(text)
    checksum = manifest.pop("checksum", None)
    return manifest if _is_manifest(manifest) and checksum == _checksum(text.rpartition(_CHECKSUM)[0] + "}") else None


def are_user_fields(fields: Mapping[str, Any]) -> bool:
    """Whether these are all fields of a User, each of its type."""
    return set(fields) - LATER_FIELDS == USER_FIELDS and all(is_valid_field(*field) for field in fields.items())


def applications_in_index(index: Mapping[str, Any]) -> dict[str, str]:
    """Return the applications behind keyring backends that the file of :class:`.index.SessionIndex` names."""
    found = index.get("applications")
    entries = found.items() if isinstance(found, dict) else ()
    return {backend: name for backend, name in entries if isinstance(name, str)}


def warnings_in_index(index: Mapping[str, Any]) -> dict[str, float]:
    """Return when each profile was last warned of its session's end, in seconds since the epoch, as above."""
    found = index.get("warned_at")
    entries = found.items() if isinstance(found, dict) else ()
    return {profile: at for profile, at in entries if isinstance(at, float)}


def is_end_to_be_announced(session_expires_at: float | None, warned_at: float | None, now: float) -> bool:
    """Whether the user is to be warned of the session's end: once a day from ANNOUNCED_BEFORE on."""
    is_near = session_expires_at is not None and now < session_expires_at <= now + ANNOUNCED_BEFORE
    return is_near and not (warned_at is not None and 0 <= now - warned_at < DAY)


def is_valid_field(name: str, value: object) -> bool:
    """Whether ``value`` has the type of this field of a User."""
    if name in _TIMES:
        return isinstance(value, float) and 0 <= value < LAST_INSTANT
    if name == "refreshable":
        return isinstance(value, bool)
    return isinstance(value, str) or (value is None and name in _OPTIONAL_TEXTS | LATER_FIELDS)


def dump_json(value: object) -> str:
    """Return compact JSON with braces in strings escaped: KeePassXC expands placeholders such as ``{USERNAME}``."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda string: string[0].replace("{", "\\u007b").replace("}", "\\u007d"), text)


def parse_json_object(text: str) -> dict[str, Any]:
    """Return the JSON object, or an empty one if ``text`` is anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_manifest(manifest: Mapping[str, Any]) -> bool:
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


def _checksum(text: str) -> int:
    return binascii.crc32(text.encode("utf-8", "surrogatepass"))

"""The card's entry as text: its name, its shape, its checksum. Imports next to nothing, for the fast lane's sake."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
USERNAME = "awesome"  # every entry has a service name of its own, so one user name serves all
MOST_PARTS = 1000  # 1.2 million characters; beyond lies a keyring that answers everything


def card_name(profile: str) -> str:
    """Return the name of the entry that holds the profile's card."""
    return f"awesome-cli:{profile}"


def seal(head: Mapping[str, Any]) -> str:
    """Write the entry."""
    return dump({**head, "checksum": _checksum(head)})


def unseal(text: str) -> dict[str, Any] | None:
    """Return the entry if it is whole and of our version. The checksum is against accidents, not malice."""
    head = parse(text)
    checksum = head.pop("checksum", None)
    if head.get("version") != VERSION or checksum != _checksum(head):
        return None
    shaped = (
        set(head) == {"version", "card", "generation", "overflow", "parts", "digest"}
        and isinstance(head["card"], dict)
        and head["generation"] in ("a", "b")
        and isinstance(head["overflow"], int)
        and isinstance(head["parts"], int)
        and 0 <= head["overflow"] <= head["parts"] <= MOST_PARTS
    )
    return head if shaped else None


def dump(value: object) -> str:
    """Write compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse(text: str) -> dict[str, Any]:
    """Read a JSON object; anything else is an empty one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _checksum(head: Mapping[str, Any]) -> int:
    return binascii.crc32(dump(head).encode("utf-8", "surrogatepass"))

"""Tables of JSON members, from the schemas in docs/reference/schemas."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from generator.markdown import DOCS, table

SCHEMAS = DOCS / "reference" / "schemas"
TYPES = {
    "string": "text",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "object": "object",
    "array": "list",
    "null": "null",
}


def members(address: str) -> str:
    """Return the table of an object's members; ``address`` is a schema's file name, and a JSON pointer in it."""
    base, schema = _resolve("", address)
    rows = []
    for name, member in schema["properties"].items():
        optional = "" if name in schema["required"] else ", optional"
        rows.append((f"`{name}`", _type(base, member) + optional, _meaning(base, member)))
    return table(("member", "type", "meaning"), rows)


def _type(base: str, member: dict[str, Any]) -> str:
    """Return the type of a member in the words of the page."""
    if "$ref" in member:
        return _type(*_resolve(base, member["$ref"]))
    if "anyOf" in member:
        return " or ".join(_type(base, choice) for choice in member["anyOf"])
    if "const" in member:
        return "text"
    named = member["type"] if isinstance(member["type"], list) else [member["type"]]
    is_time = member.get("format") == "date-time"
    return " or ".join("time" if is_time and name == "string" else TYPES[name] for name in named)


def _meaning(base: str, member: dict[str, Any]) -> str:
    if "const" in member:
        return f"`{member['const']}`"
    return str(member["description"]) if "description" in member else _meaning(*_resolve(base, member["$ref"]))


def _resolve(base: str, address: str) -> tuple[str, dict[str, Any]]:
    """Return the name of the file with the schema, and the schema, to which a reference in ``base`` leads."""
    name, _, pointer = address.partition("#")
    found = _read(name or base)
    for key in filter(None, pointer.split("/")):
        found = found[key]
    return name or base, found


@cache
def _read(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((SCHEMAS / name).read_text("utf-8"))

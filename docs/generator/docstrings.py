"""Signatures and docstrings as Markdown. A name is written ``module:attribute``, as for ``pkgutil.resolve_name``."""

from __future__ import annotations

import inspect
import re
from pkgutil import resolve_name
from typing import Any

import awesome_cli

WIDTH = 110
OBJECTS = {"Program": "acme", "Terminal": "terminal"}  # what the pages call an object of the class
PREFIXES: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
HIDDEN = {"App": "typer.Typer | Callable[[list[str]], Any] | str | None"}  # the names of types that only we have


def function(name: str) -> str:
    """Return the signature of a function, a method or a class, and its docstring."""
    documented = resolve_name(name)
    public = name.partition(":")[2]
    owner, _, method = public.rpartition(".")
    called = ".".join(filter(None, [OBJECTS.get(owner), method if method != "__call__" else ""]))
    imported = [f"from awesome_cli import {public}", ""] if public in awesome_cli.__all__ else []
    return "\n\n".join([_python([*imported, _signature(documented, called)]), text(name)])


def fields(name: str) -> str:
    """Return the fields of a class with their types, and its docstring."""
    documented = resolve_name(name)
    annotations = documented.__annotations__.items()
    lines = [f"    {field}: {inspect.formatannotation(kind)}".replace("'", "") for field, kind in annotations]
    return "\n\n".join([_python([f"class {documented.__name__}:", *lines]), text(name)])


def text(name: str) -> str:
    """Return the docstring of a module or an object."""
    found = inspect.getdoc(resolve_name(name)) or ""
    found = re.sub(r":(?:class|meth|mod|func):`[.~]*(?:\w+\.)*(\w+)`", r"`\1`", found)
    found = found.replace("``", "`")
    return re.sub(r"::\n\n((?:    .*\n?|\n)+)", _code_block, found).strip()


def _python(lines: list[str]) -> str:
    return "\n".join(["```python", *lines, "```"])


def _signature(documented: Any, called: str) -> str:  # noqa: ANN401 - a class or function
    signature = inspect.signature(documented)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    returned = signature.return_annotation
    result = "" if returned is signature.empty or inspect.isclass(documented) else f" -> {returned}"
    parts = [part if isinstance(part, str) else _parameter(part) for part in _with_star(parameters)]
    short = f"{called}({', '.join(parts)}){result}"
    if len(short) <= WIDTH:
        return short
    return "\n".join([f"{called}(", *(f"    {part}," for part in parts), f"){result}"])


def _with_star(parameters: list[inspect.Parameter]) -> list[inspect.Parameter | str]:
    """Add the star before the first parameter that is passed by name."""
    result: list[inspect.Parameter | str] = []
    has_star = any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters)
    for parameter in parameters:
        if parameter.kind == parameter.KEYWORD_ONLY and not has_star:
            result.append("*")
            has_star = True
        result.append(parameter)
    return result


def _parameter(parameter: inspect.Parameter) -> str:
    prefix = PREFIXES.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{prefix}{parameter.name}: {HIDDEN.get(parameter.annotation, parameter.annotation)}{default}"


def _code_block(found: re.Match[str]) -> str:
    block = inspect.cleandoc(found[1])
    return f":\n\n```{'text' if '├' in block else 'python'}\n{block}\n```\n"

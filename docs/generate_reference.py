"""Write docs/reference/program.md from the docstrings: ``python docs/generate_reference.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from awesome_cli import Program, Session, User
from awesome_cli.brand import BUILT_IN_COMMANDS, USUAL_COMMANDS, Brand
from awesome_cli.library import device_flow
from awesome_cli.testing import terminal

PAGE = Path(__file__).parent / "reference" / "program.md"
INTRODUCTION = """\
This page is made from the docstrings. [The tutorial](../tutorials/your-own-cli.md) introduces them in order, and
[the library](library.md) describes tokens and clients in detail. What goes wrong is an
`awesome_cli.errors.AwesomeError` ([errors](library.md#errors))."""
APP = "typer.Typer | Callable[[list[str]], Any] | str | None"
METHODS = ("run", "__call__", "add_to", "signed_in", "user", "session", "token", "auth", "client", "async_client")


def reference() -> str:
    """Return the page."""
    program = _signature("from awesome_cli import Program", Program).replace("app: App", f"app: {APP}")
    parts = [
        "# Program",
        INTRODUCTION,
        program,
        _markdown(Program),
        "## Names",
        _markdown(Brand),
        f"Beside the usual commands, `commands` may name {_names(set(BUILT_IN_COMMANDS) - set(USUAL_COMMANDS))}.",
    ]
    for name in METHODS:
        method = getattr(Program, name)
        parts += [f"## {name.strip('_')}", _signature("", method, name), _markdown(method)]
    for kind in (User, Session):
        members = ", ".join(f"`{name}`" for name in kind.__annotations__)
        parts += [f"## {kind.__name__}", _markdown(kind), f"Fields: {members}."]
    parts += ["## device_flow", _signature("from awesome_cli import device_flow", device_flow), _markdown(device_flow)]
    parts += ["## Test kit", 'With `pytest_plugins = ["awesome_cli.testing"]` there is the fixture `terminal_for`.']
    parts += [_markdown(terminal), "### Terminal", _markdown(terminal.Terminal)]
    for name in ("login", "run"):
        method = getattr(terminal.Terminal, name)
        parts += [_signature("", method, f"terminal.{name}"), _markdown(method)]
    return "\n\n".join(parts) + "\n"


def _names(commands: Any) -> str:  # noqa: ANN401 - a collection of text
    return ", ".join(f"`{name}`" for name in sorted(commands))


def _signature(heading: str, function: Any, name: str = "") -> str:  # noqa: ANN401 - a class or function
    signature = inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    returned = signature.return_annotation
    result = "" if returned is signature.empty or inspect.isclass(function) else f" -> {returned}"
    name = {"__call__": "program"}.get(name, name) or function.__name__
    short = f"{name}({', '.join(_parameter(parameter) for parameter in _with_star(parameters))}){result}"
    if len(short) > 110:
        lines = [f"    {_parameter(parameter)}," for parameter in _with_star(parameters)]
        short = "\n".join([f"{name}(", *lines, f"){result}"])
    return "\n".join(["```python", *([heading, ""] if heading else []), short, "```"])


def _with_star(parameters: list[inspect.Parameter]) -> list[Any]:
    """Add the star before the first parameter that is passed by name."""
    result: list[Any] = []
    for parameter in parameters:
        is_first = parameter.kind == parameter.KEYWORD_ONLY and "*" not in result
        if is_first and not any(getattr(p, "kind", None) == parameter.VAR_POSITIONAL for p in result):
            result.append("*")
        result.append(parameter)
    return result


def _parameter(parameter: Any) -> str:  # noqa: ANN401 - "*" or a parameter
    if parameter == "*":
        return "*"
    prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{prefix}{parameter.name}: {parameter.annotation}{default}"


def _markdown(documented: object) -> str:
    """Return a docstring as Markdown."""
    text = inspect.getdoc(documented) or ""
    text = re.sub(r":(?:class|meth|mod|func):`[.~]*(?:\w+\.)*(\w+)`", r"`\1`", text)
    text = text.replace("``", "`")
    return re.sub(r"::\n\n((?:    .*\n?|\n)+)", _code_block, text).strip()


def _code_block(found: re.Match[str]) -> str:
    return f":\n\n```python\n{inspect.cleandoc(found[1])}\n```\n"


if __name__ == "__main__":
    PAGE.write_bytes(reference().encode())

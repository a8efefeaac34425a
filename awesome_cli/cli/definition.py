"""Mistakes in the definition of a program that would leave a command unprotected, or never run it.

Typer, click and cyclopts are recognized where they have been imported already; none is imported for that, nor is
inspect, which takes as long as a quarter of a program's other imports.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import BuiltinFunctionType, CoroutineType, FunctionType, MethodType
from typing import Any, NamedTuple
from weakref import WeakSet

from awesome_cli.errors import ProgramError

USER, SESSION = "awesome_cli.sessions.user.User", "awesome_cli.sessions.model.Session"
CLIENT, ASYNC_CLIENT = "httpx.Client", "httpx.AsyncClient"
INJECTED = {USER, SESSION, CLIENT, ASYNC_CLIENT}  # recognized by name, so that nothing has to be imported for that

CO_COROUTINE = 0x80  # as inspect has it
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)

_unprotected: WeakSet[Callable[..., Any]] = WeakSet()  # what signed_in was applied to, by whichever program
_protected: WeakSet[Callable[..., Any]] = WeakSet()  # what it returned
_misplaced: WeakSet[Callable[..., Any]] = WeakSet()  # those of the first that were registered as a command before


class _Command(NamedTuple):
    """A function that a framework calls. ``runs_async``: whether the framework runs one that is async."""

    function: Callable[..., Any]
    runs_async: bool = False


def register_protected(function: Callable[..., Any], protected: Callable[..., Any], visible: Iterable[object]) -> bool:
    """Remember that only ``protected`` is to be called, in place of the function and of what it wraps.

    Returns False, if an app among the ``visible`` objects has registered the function already.
    """
    layers = [*_wrapped(function)]
    _unprotected.update(layers)
    _protected.add(protected)
    registered = {layer for app in visible for command in _commands(app) for layer in _wrapped(command.function)}
    if is_misplaced := not registered.isdisjoint(layers):
        _misplaced.add(function)
    return not is_misplaced


def check_definition(app: Any) -> None:  # noqa: ANN401 - a Typer app, or anything that can be called
    """Raise ProgramError with the name of a function that a framework would call unprotected, or not run."""
    commands = [*_commands(app)]
    if not commands:  # a function may parse by any of the frameworks
        commands = [_Command(app), *(command for other in _beside(app) for command in _commands(other))]
        if _misplaced:
            gc.collect()  # leaves those that something can still call
        commands += [_Command(function) for function in _misplaced if _is_of_one_program(function, app)]
    for command in commands:
        if layer := _unprotected_layer(command):
            raise misplaced_error(layer)
        if asked_for := _not_injected(command):
            raise ProgramError(
                f"{_describe(command.function)} asks for {asked_for}, and nothing injects it.",
                hint="Decorate it with @signed_in, directly above the function.",
            )
    for function, runs_async in commands:
        if not runs_async and _is_async(function):
            raise ProgramError(
                f"{_describe(function)} is async, and nothing would run it.",
                hint="Decorate it with @signed_in, directly above the function, or call anyio.run in a plain function.",
            )


def misplaced_error(function: Callable[..., Any]) -> ProgramError:
    return ProgramError(
        f"{_describe(function)} is registered as a command without the check that a user is signed in.",
        hint="Place @signed_in below the line that registers the command, directly above the function.",
    )


def _unprotected_layer(command: _Command) -> Callable[..., Any] | None:
    """Return the function that signed_in was applied to, if the command calls it without that; else None."""
    layers: Iterator[Callable[..., Any]] = _wrapped(command.function)
    for layer in layers:
        if layer in _protected:
            return None
        if layer in _unprotected:
            return layer
    return None


def _not_injected(command: _Command) -> str:
    """Return what signed_in would inject into the command, if it was decorated with that; empty, if it is."""
    if any(layer in _protected for layer in _wrapped(command.function)):
        return ""
    function = _innermost(command.function)
    names = getattr(function, "__globals__", {})
    for parameter, given in _annotations(function).items() if names else ():
        annotation = getattr(given, "__forward_arg__", given)
        if parameter == "return":
            continue
        if isinstance(annotation, str):
            first, _, rest = annotation.partition(".")
            annotation = getattr(names.get(first), rest, None) if rest else names.get(first)
        if full_name(annotation) in INJECTED:
            return full_name(annotation).rpartition(".")[2]
    return ""


def _annotations(function: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a function
    """Return the annotations as they are: some names may be imported for type checkers alone."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)
    return getattr(function, "__annotations__", {})


def _is_async(function: Any) -> bool:  # noqa: ANN401 - anything that can be called
    code = getattr(_without_partial(function), "__code__", None)
    return code is not None and bool(code.co_flags & CO_COROUTINE)


def _without_partial(function: Any) -> Any:  # noqa: ANN401 - the same
    while isinstance(function, partial):
        function = function.func
    return function


def _innermost(function: Any) -> Any:  # noqa: ANN401 - a function
    return [*_wrapped(function)][-1]


def full_name(annotation: object) -> str:
    return f"{getattr(annotation, '__module__', '')}.{getattr(annotation, '__qualname__', '')}"


def _beside(app: Any) -> list[object]:  # noqa: ANN401 - anything that can be called
    """Return the objects that a function can be expected to use: those of its module, and its own."""
    function = getattr(app, "func", app)  # of functools.partial
    own = [*getattr(app, "args", ()), *vars(app).values()] if hasattr(app, "__dict__") else []
    call: Any = function if isinstance(function, _FUNCTIONS) else type(function).__call__
    return [getattr(function, "__self__", None), *own, *getattr(_innermost(call), "__globals__", {}).values()]


def _is_of_one_program(function: Callable[..., Any], app: object) -> bool:
    """Whether both are in one package; a script is a program together with all that it imports."""
    packages = {str(getattr(one, "__module__", "")).partition(".")[0] for one in (function, getattr(app, "func", app))}
    return len(packages) == 1 or "__main__" in packages


def require_no_coroutine(result: object) -> None:
    """Raise ProgramError for what a command returns, if that is a coroutine: nothing has run it."""
    if isinstance(result, CoroutineType):
        result.close()
        raise ProgramError(
            f"The async function {result.__qualname__} was called as a command, and nothing runs it.",
            hint="Decorate it with @signed_in, directly above the function, or call anyio.run in a plain function.",
        )


@contextmanager
def checked_invocation(command: Any) -> Iterator[None]:  # noqa: ANN401 - a click.Command, or Typer's own
    """Let a command, or group, raise ProgramError where it returns a coroutine, and KeyboardInterrupt as it came.

    click turns the latter into an exit code that does not tell what happened.
    """
    invoke = command.invoke
    interrupts: list[KeyboardInterrupt] = []

    def checked(ctx: Any) -> Any:  # noqa: ANN401 - click's Context, and what the command returns
        try:
            result = invoke(ctx)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)
            raise
        require_no_coroutine(result)
        return result

    command.invoke = checked
    try:
        yield
    except SystemExit:
        if interrupts:
            raise interrupts[0] from None
        raise
    finally:
        del command.invoke


def is_typer(app: object) -> bool:
    return _is("typer", "Typer", app)


def is_click(app: object) -> bool:
    return _is("click", "Command", app)


def _commands(app: Any) -> Iterator[_Command]:  # noqa: ANN401 - see above
    if is_typer(app):
        yield from _typer_commands(app)
    elif is_click(app):
        yield from _click_commands(app)
    elif _is("cyclopts", "App", app):
        yield from _cyclopts_commands(app)


def _typer_commands(app: Any) -> Iterator[_Command]:  # noqa: ANN401 - a typer.Typer
    for info in (app.info, app.registered_callback, *app.registered_commands, *app.registered_groups):
        if info is not None and callable(info.callback):
            yield _Command(info.callback)
    for group in app.registered_groups:
        yield from _typer_commands(group.typer_instance)


def _click_commands(command: Any) -> Iterator[_Command]:  # noqa: ANN401 - a click.Command
    if command.callback is not None:
        yield _Command(command.callback)
    for child in getattr(command, "commands", {}).values():
        yield from _click_commands(child)


def _cyclopts_commands(app: Any) -> Iterator[_Command]:  # noqa: ANN401 - a cyclopts.App
    if app.default_command is not None:
        yield _Command(app.default_command, runs_async=True)
    for name in app:
        if name not in (*app.help_flags, *app.version_flags):
            yield from _cyclopts_commands(app[name])


def _wrapped(function: Any) -> Iterator[Any]:  # noqa: ANN401 - a function
    """Yield a function, and what it wraps, from the outside to the inside."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _is(module: str, name: str, value: object) -> bool:
    """Whether a value is an instance of a class of a module that has been imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and issubclass(type(value), kind)


def _placeholder() -> None:
    """Stand for a built-in command where Typer expects a function."""


PLACEHOLDER = _placeholder


def check_names(app: Any, built_in: Sequence[str]) -> None:  # noqa: ANN401 - a typer.Typer
    """Raise ProgramError, if a command of the app has the name of a built-in one."""
    require_other_names(_own_names(app), built_in)


def require_other_names(own: Iterable[str], built_in: Sequence[str]) -> None:
    for name in own:
        if name in built_in:
            raise ProgramError(
                f"The program's own command {name} has the name of a built-in one, which would be called instead.",
                hint="Rename it, or leave the built-in one out of the program's commands.",
            )


def _own_names(app: Any) -> Iterator[str]:  # noqa: ANN401 - a typer.Typer
    """Yield the names of the app's own commands and groups."""
    for info in app.registered_commands:
        if info.callback is not PLACEHOLDER:
            yield info.name or getattr(info.callback, "__name__", "").lower().replace("_", "-")
    for group in app.registered_groups:
        name = group.name or group.typer_instance.info.name
        if isinstance(name, str):
            yield name
        else:  # its commands become those of the app
            yield from _own_names(group.typer_instance)


def _describe(function: Callable[..., Any]) -> str:
    function = _without_partial(function)
    code = getattr(_innermost(function), "__code__", None)
    where = f" ({code.co_filename}, line {code.co_firstlineno})" if code else ""
    return f"The function {function.__qualname__}{where}"

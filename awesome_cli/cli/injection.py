"""What ``Program.signed_in`` makes of a function: it requires a session, and gives parameters by their annotation."""

from __future__ import annotations

import inspect
import re
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import wraps
from inspect import BoundArguments
from types import FunctionType, SimpleNamespace
from typing import Any, get_args, get_type_hints

from awesome_cli.cli.context import CommandContext, Definition
from awesome_cli.cli.definition import (
    ASYNC_CLIENT,
    CLIENT,
    INJECTED,
    SESSION,
    USER,
    full_name,
    misplaced_error,
    register_protected,
)
from awesome_cli.errors import sole_error
from awesome_cli.system.environment import has_event_loop

_LOOKS_INJECTED = re.compile(r"\b(User|Session|httpx\.(Async)?Client|(Async)?Client)\b")


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature, without evaluating annotations: some names may be imported for type checkers alone."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def protect(program: Definition, function: Any) -> Any:  # noqa: ANN401 - a function, and one with other parameters
    """Return the function that checks the session, injects, and calls ``function``; an async one is run.

    Raises TypeError, naming the function and the parameter.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"signed_in expects a function, not {function!r}: place it directly above the function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"signed_in expects a function that returns, and {function.__qualname__} is a generator")
    full = _signature(function)
    annotations = _resolved(function, full)
    kinds = {name: kind for name in annotations if (kind := _injected_kind(function, full, annotations, name))}
    own = [parameter for parameter in full.parameters.values() if parameter.name not in kinds]
    visible = full.replace(parameters=[parameter.replace(annotation=annotations[parameter.name]) for parameter in own])

    @wraps(function)
    def protected(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the function has it
        given = visible.bind(*args, **kwargs).arguments

        def call(injected: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the same
            arguments = BoundArguments(full, OrderedDict({**given, **injected}))
            return function(*arguments.args, **arguments.kwargs)

        if _is_async(function) and has_event_loop():
            return _await_protected(program, kinds, call)
        with _running(program) as context, ExitStack() as stack:
            injected = _injected_values(program, context, kinds, stack)
            return _run_own(context, lambda: _awaited(call, injected)) if _is_async(function) else call(injected)

    protected.__signature__ = visible  # type: ignore[attr-defined]  # inspect and the frameworks read it
    protected.__annotations__ = {
        parameter.name: annotations[parameter.name] for parameter in own if parameter.annotation != parameter.empty
    }
    frame = sys._getframe(2)  # noqa: SLF001 - of the code that defines the function; there the apps have their names
    is_placed_well = register_protected(function, protected, [*frame.f_locals.values(), *frame.f_globals.values()])
    if not is_placed_well and program.context is not None:  # a command has just imported it
        raise misplaced_error(function)
    return protected


def _is_async(function: Any) -> bool:  # noqa: ANN401 - a function, perhaps within decorators
    return inspect.iscoroutinefunction(inspect.unwrap(function))


async def _await_protected(program: Definition, kinds: Mapping[str, str], call: Callable[..., Any]) -> Any:  # noqa: ANN401 - as the function has it
    """Do what ``protected`` does within an event loop that runs already."""
    with _running(program) as context, ExitStack() as stack:
        return await _awaited(call, _injected_values(program, context, kinds, stack))


async def _awaited(call: Callable[..., Any], injected: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the function has it
    """Call an async function, and close the clients that it was given."""
    async with AsyncExitStack() as clients:
        for value in injected.values():
            if full_name(type(value)) == ASYNC_CLIENT:
                await clients.enter_async_context(value)
        result = call(injected)
        return await result if inspect.isawaitable(result) else result


def _run_own(context: CommandContext, work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - as the function has it
    """Run a program's own async code: its errors are not ours, and a second signal is raised wherever it is."""
    results: list[Any] = []
    errors: list[Exception] = []

    async def outcome() -> None:
        try:
            results.append(await work())
        except Exception as error:  # noqa: BLE001 - raised again below, where nothing takes it for an error of ours
            errors.append(error)

    with context.environment.defer_signals() as signals:
        signals.cancelling = signals.insistent = True
        context.environment.run(outcome)
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def _running(program: Definition) -> Iterator[CommandContext]:
    """Yield the context of the command that is running, or one of this process, whose errors end it."""
    if program.context is not None:
        yield program.context
        return
    context = CommandContext(None, program.brand)
    try:
        with program.running(context, is_command=False):
            yield context
    except Exception as error:
        ours = sole_error(error)
        if ours is None:
            raise
        context.console.error(ours)
        raise SystemExit(ours.exit_code) from error


def _injected_values(
    program: Definition, context: CommandContext, kinds: Mapping[str, str], stack: ExitStack
) -> dict[str, Any]:
    """Return the injected arguments by name. Raises LoginRequiredError, unless a user is signed in."""
    values: dict[str, Any] = {}
    needed = {*kinds.values()}
    if SESSION in needed:
        values[SESSION] = program.session()
        values[USER] = values[SESSION].user
    elif USER in needed or not context.account.token_from_environment:
        values[USER] = program.user()
    if CLIENT in needed:
        values[CLIENT] = stack.enter_context(program.client())
    if ASYNC_CLIENT in needed:
        values[ASYNC_CLIENT] = program.async_client()
    return {name: values[kind] for name, kind in kinds.items()}


def _resolved(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return the annotation of each parameter; text, as of ``from __future__ import annotations``, is evaluated."""
    found: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        annotation = getattr(parameter.annotation, "__forward_arg__", parameter.annotation)
        found[name] = annotation
        if isinstance(annotation, str):
            try:
                found |= get_type_hints(
                    SimpleNamespace(__annotations__={name: annotation}),
                    globalns=inspect.unwrap(function).__globals__,
                    include_extras=True,
                )
            except Exception as error:
                if _LOOKS_INJECTED.search(annotation):
                    raise _invalid(
                        function, name, f"its annotation {annotation} cannot be evaluated: {error}"
                    ) from error
    return found


def _injected_kind(
    function: Callable[..., Any], signature: inspect.Signature, annotations: Mapping[str, Any], name: str
) -> str | None:
    """Return what a parameter is given, None for one of the command. Raises TypeError, if that is not possible."""
    annotation, parameter = annotations[name], signature.parameters[name]
    kind = full_name(annotation)
    if kind not in INJECTED:
        if any(full_name(part) in INJECTED for part in _parts(annotation)):
            raise _invalid(function, name, f"{annotation} cannot be injected: annotate it with the class alone")
        return None
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise _invalid(function, name, "it stands for several arguments, and one is injected")
    if kind == ASYNC_CLIENT and not _is_async(function):
        raise _invalid(function, name, "httpx.AsyncClient is for async functions: annotate it with httpx.Client")
    return kind


def _parts(annotation: object) -> Iterator[object]:
    """Yield what an annotation is made of: ``User`` of ``User | None`` and ``Annotated[User, ...]``."""
    for part in get_args(annotation):
        yield part
        yield from _parts(part)


def _invalid(function: Callable[..., Any], name: str, why: str) -> TypeError:
    return TypeError(f"{function.__qualname__}: the parameter {name} is not valid: {why}")

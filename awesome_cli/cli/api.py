"""``awesome api``: call a protected API with the access token."""

from __future__ import annotations

import codecs
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast
from urllib.parse import urlencode

import typer

from awesome_cli.api.client import Answer, Call, Receiver, challenge, locate
from awesome_cli.api.client import call as send
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import examples
from awesome_cli.errors import AwesomeError, LoginRequiredError, ProviderError, UsageError
from awesome_cli.oauth.response import json_value
from awesome_cli.settings.profile import with_openid
from awesome_cli.text import safe, safe_lines, shell_argument

if TYPE_CHECKING:
    from awesome_cli.cli.console import Console
    from awesome_cli.cli.progress import ProgressBar
    from awesome_cli.system.environment import Environment

app = typer.Typer(add_completion=False, rich_markup_mode=None)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # TRACE would echo the token
OURS = ("authorization", "content-length", "host", "transfer-encoding")  # headers that nobody else sets
IN_MEMORY = 1024 * 1024  # bytes; what is longer is spooled, and printed on a terminal without being laid out
LONGEST_HEADER = 8192  # characters of one line that are shown
SOON = 1.0  # seconds until a transfer is worth a bar
REDRAW = 0.1  # seconds between two drawings of it


@app.command(
    epilog=examples(
        "awesome api hello",
        "awesome api issues -f title=Bug -F priority=1",
        "awesome api PUT avatar --data @me.png -H 'Content-Type: image/png'",
        "awesome api issues --paginate | jq",
    )
)
def api(
    ctx: typer.Context,
    *,
    words: Annotated[
        list[str],
        typer.Argument(metavar="[METHOD] PATH", help="PATH is below AWESOME_API_URL; POST if there is data, else GET."),
    ],
    texts: Annotated[
        list[str] | None, typer.Option("--raw-field", "-f", metavar="KEY=VALUE", help="Add a text to the JSON body.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            "-F",
            metavar="KEY=VALUE",
            help="Add true, false, null, a number or other JSON to the body, or with @FILE a file's text.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="TEXT|@FILE|@-", help="Send this as the body; fields then go into the query.")
    ] = None,
    headers: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="Add a header.")
    ] = None,
    include: Annotated[bool, typer.Option("--include", "-i", help="Print the status line and headers first.")] = False,
    paginate: Annotated[
        bool, typer.Option("--paginate", help="Follow the links to the next page (GET alone).")
    ] = False,
) -> None:
    """Call your protected API with the access token.

    The token goes to the origin of AWESOME_API_URL and nowhere else.
    """
    context: CommandContext = ctx.obj
    fields = _fields(texts or (), values or (), context.console)
    method, path = _method_and_path(words, sends=data is not None or bool(fields))
    if paginate and method != "GET":
        raise UsageError("Only GET has pages.", hint="Leave out --paginate, or the method and the data.")
    if fields and (data is not None or method in ("GET", "HEAD")):
        path += ("&" if "?" in path else "?") + _query(fields)
        fields = {}
    given = tuple(map(_header, headers or ()))
    with _body(data, fields, context.console) as body:
        if body is not None and not any(name.lower() == "content-type" for name, _ in given):
            given = (*given, ("Content-Type", "application/json"))
        call = Call(
            method=method, url=locate(context.account.settings.api_url, path), headers=given, body=body, pages=paginate
        )
        gauge = _Gauge(context)
        receiver = (_Screen if context.console.stdout_is_terminal else _Pipe)(context.console, gauge, include=include)
        try:
            answer = _talk(context, call, receiver)
        finally:
            gauge.stop()
    if not answer.ok:
        raise _failure(answer, context)


def _talk(context: CommandContext, call: Call, receiver: Receiver) -> Answer:
    """Make the call; where the token is refused, renew it once and make the call once more (RFC 6750 §3.1)."""
    token = context.account.access_token()
    answer = _call(context, call, token, receiver)
    if answer.held_back is None:
        return answer
    try:
        another = context.account.access_token(refused=token)
    except AwesomeError:
        _deliver(answer, receiver)
        raise
    if another != token:
        answer = _call(context, replace(call, url=answer.url), another, receiver)
    _deliver(answer, receiver)
    return answer


def _call(context: CommandContext, call: Call, token: str, receiver: Receiver) -> Answer:
    environment = context.environment
    answer = environment.run(
        partial(
            send,
            call,
            token,
            receiver,
            transport=environment.transport,
            environ=environment.environ,
            user_agent=context.brand.app_dir,
        )
    )
    context.console.detail(f"{call.method} {answer.url.copy_with(query=None)}: HTTP status {answer.status}")
    return answer


def _deliver(answer: Answer, receiver: Receiver) -> None:
    if answer.held_back is not None:
        receiver.begin(answer)
        receiver.write(answer.held_back)
        receiver.end()


def _failure(answer: Answer, context: CommandContext) -> AwesomeError:
    said = challenge(answer)
    message = f"The API answered with HTTP status {answer.status} ({_phrase(answer.status)})."
    if answer.status == HTTPStatus.UNAUTHORIZED:
        hint = "Sign in anew with: {login} --force"
        if context.account.token_from_environment:
            hint = "Give another token in {prefix}ACCESS_TOKEN, or unset it and sign in."
        return LoginRequiredError(f"{message} It does not accept the access token.", hint=hint)
    if said.get("error") == "insufficient_scope":  # RFC 6750 §3.1
        hint = "Ask for the scope that the API's documentation names, with: {login} --force --scope"
        if said.get("scope") and (scope := shell_argument(with_openid(said["scope"]))):
            hint = f"Ask for more with: {{login}} --force --scope {scope}"
        return ProviderError(message, hint=hint)
    if target := answer.headers.get("location"):
        place = safe(target.partition("?")[0])  # what follows may repeat the token
        return ProviderError(f"{message} It points to {place}.", hint="Redirects are not followed.")
    return ProviderError(message, hint="What the API says about it is on stdout.")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown"


def _method_and_path(words: Sequence[str], *, sends: bool) -> tuple[str, str]:
    if len(words) == 1:
        return ("POST" if sends else "GET"), words[0]
    if len(words) > 2 or words[0].upper() not in METHODS:
        raise UsageError(
            "There must be one path, and before it at most a method.", hint=f"Methods: {', '.join(METHODS)}."
        )
    return words[0].upper(), words[1]


def _fields(texts: Sequence[str], values: Sequence[str], console: Console) -> dict[str, Any]:
    """Return the members of the body, as ``gh api`` reads them: ``-f`` is text, ``-F`` is what it looks like."""
    fields: dict[str, Any] = {}
    for word, typed in [*((text, False) for text in texts), *((value, True) for value in values)]:
        key, found, value = word.partition("=")
        if not found or not key or key in fields:
            raise UsageError(
                f"{safe(key, 40)!r} has no value, or more than one.", hint="Write KEY=VALUE, each key once."
            )
        fields[key] = _value(value, console) if typed else value
    return fields


def _value(text: str, console: Console) -> Any:  # noqa: ANN401 - JSON
    if text.startswith("@"):
        with _opened(text[1:], console) as file:
            return file.read().decode("utf-8", "replace")
    try:
        value = json_value(text)
        json.dumps(value, allow_nan=False)  # 1e999 is a number that JSON cannot write again
    except ValueError:
        return text
    return value


def _query(fields: Mapping[str, Any]) -> str:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    return urlencode(texts, errors="surrogateescape")  # what was typed in no known encoding is sent as it is


def _header(text: str) -> tuple[str, str]:
    """Read one header; its value stays unsaid, for it may be a secret."""
    name, found, value = (part.strip() for part in text.partition(":"))
    if not found or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):  # RFC 9110 §5.6.2
        raise UsageError("A header is not spelt like one.", hint="Write -H 'Name: value'.")
    if not value.isascii() or not value.isprintable():
        raise UsageError(f"The header {name} has characters that no header has.", hint="Use printable ASCII.")
    if name.lower() in OURS:
        raise UsageError(f"The header {name} is not yours to set.", hint="{program} sets it by itself.")
    return name, value


@contextmanager
def _body(data: str | None, fields: Mapping[str, Any], console: Console) -> Iterator[BinaryIO | None]:
    """Open what is sent, so that it can be sent twice and its length is known, whatever it comes from."""
    if data is None:
        yield BytesIO(json.dumps(fields).encode()) if fields else None
    elif not data.startswith("@"):
        yield BytesIO(data.encode("utf-8", "surrogateescape"))
    else:
        with _opened(data[1:], console) as file:
            yield file


@contextmanager
def _opened(name: str, console: Console) -> Iterator[BinaryIO]:
    """Open a file, or stdin for ``-``; what cannot be rewound is spooled."""
    with ExitStack() as stack:
        try:
            file = console.input if name == "-" else stack.enter_context(Path(name).open("rb"))
            if name == "-" or not file.seekable():
                spool = stack.enter_context(SpooledTemporaryFile(IN_MEMORY))
                shutil.copyfileobj(file, spool)
                file = cast("BinaryIO", spool)
            file.seek(0, os.SEEK_END)  # files that are none, as in /proc, cannot
            file.seek(0)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else "that is no file name"
            raise UsageError(
                f"{safe(name, 80)!r} cannot be read ({reason}).", hint="See: {program} api --help"
            ) from error
        yield file


def _open_bar(environment: Environment) -> ProgressBar:
    from awesome_cli.cli.progress import ProgressBar

    return ProgressBar(environment.stderr, environment.environ)


class _Gauge:
    """A bar for a transfer that takes over a second, where stderr can draw one."""

    def __init__(self, context: CommandContext) -> None:
        self._open_bar = (
            None if context.console.is_plain or context.console.quiet else partial(_open_bar, context.environment)
        )
        self._now = context.environment.now
        self._bar: ProgressBar | None = None
        self._next_at: float | None = None

    def show(self, what: str, done: int, total: int | None) -> None:
        """Say how many bytes are done, if it is time."""
        now = self._now()
        if self._open_bar is None or (self._next_at is not None and now < self._next_at):
            return
        if self._next_at is None:
            self._next_at = now + SOON
            return
        self._bar = self._bar or self._open_bar()
        self._bar.show(what, done, total)
        self._next_at = now + REDRAW

    def stop(self) -> None:
        """Clear the bar: the transfer is over."""
        if self._bar is not None:
            self._bar.remove()
        self._bar = self._next_at = None


class _Output:
    """What both ways of showing an answer share: the upload's progress, and the head on request."""

    def __init__(self, console: Console, gauge: _Gauge, *, include: bool) -> None:
        self._console = console
        self._gauge = gauge
        self._include = include

    def sent(self, done: int, total: int) -> None:
        self._gauge.show("Uploading", done, total)

    def begin(self, answer: Answer) -> None:
        self._gauge.stop()
        if self._include:
            head = [f"{answer.version} {answer.status} {_phrase(answer.status)}"]
            head += [f"{name}: {value}" for name, value in answer.headers.multi_items()]
            self._console.result("".join(f"{safe(line, LONGEST_HEADER)}\n" for line in head))


class _Pipe(_Output):
    """Bytes as they come, for a program or a file; a further page begins on a line of its own."""

    _last = b"\n"

    def begin(self, answer: Answer) -> None:
        if self._last != b"\n":
            self._console.data(b"\n")
        super().begin(answer)
        self._done, self._total = 0, answer.length

    def write(self, chunk: bytes) -> None:
        self._console.data(chunk)
        self._last = chunk[-1:] or self._last
        self._done += len(chunk)
        self._gauge.show("Downloading", self._done, self._total)

    def end(self) -> None:
        self._gauge.stop()


class _Screen(_Output):
    """Harmless text for a person; JSON is laid out, unless it is too long to be held."""

    def begin(self, answer: Answer) -> None:
        super().begin(answer)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._held: str | None = "" if re.fullmatch(r"[\w.+-]+/(.+\+)?json", kind) else None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._last = "\n"

    def write(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise UsageError(
                "The answer is no text, and would harm the terminal.",
                hint="Send it elsewhere: {program} api ... > FILE",
            )
        if self._held is not None:
            self._held += text
            if len(self._held) <= IN_MEMORY:
                return
            text, self._held = self._held, None
        self._show(text)

    def end(self) -> None:
        self.write(b"", final=True)
        if self._held is not None:
            self._show(_laid_out(self._held))
        if self._last != "\n":
            self._console.result("")

    def _show(self, text: str) -> None:
        text = safe_lines(text)
        self._console.result(text, end="")
        self._last = text[-1:] or self._last


def _laid_out(text: str) -> str:
    try:
        return json.dumps(json_value(text), indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return text

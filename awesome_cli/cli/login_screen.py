"""What ``login`` shows while it waits: where to approve which code, and one live line below."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import duration, rfc3339, short_issuer
from awesome_cli.cli.layout import TextPart, cells, cut
from awesome_cli.cli.login_report import login_command, resume_command
from awesome_cli.oauth.device_grant import PollState
from awesome_cli.system.keys import ReadKey, pressed_keys
from awesome_cli.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awesome_cli.cli.login_options import LoginOptions
    from awesome_cli.cli.qr_code import QrCode
    from awesome_cli.oauth.device_grant import DeviceAuthorization, PollingSchedule
    from awesome_cli.provider.approval import Deadline

CONTACTING_AFTER = 1.0  # seconds without a response until the provider is named
NARROW = 60  # columns; below, words are shorter and a URL has a line of its own
QR_ROWS_BESIDE = 10  # rows that a QR code must leave free, for the words and what was there before
QR_ROWS_BESIDE_SHORT = 5  # the same when the user asks for it, and the words are shortened to URL and code
FRAMES_PER_SECOND = 4  # as often as polling calls on_tick
STOP = "Ctrl-C ends it"


class BrowserNotOpenedError(Exception):
    """No browser could be opened on this machine, and the sign-in requires one."""


class LoginScreen:
    """The screen of one sign-in: a context manager, and the :class:`.SignInObserver` that is drawn on it.

    Only :meth:`on_tick` redraws anything, and only its own last line. Where a terminal cannot redraw, or is read
    aloud, each state is said once. ``requires_browser``: whether a sign-in with a browser is pointless unless it opens.
    """

    def __init__(
        self, context: CommandContext, options: LoginOptions, issuer: str, *, requires_browser: bool = False
    ) -> None:
        self._context = context
        self._console = context.console
        self._environment = context.environment
        self._options = options
        self._requires_browser = requires_browser
        self._provider = short_issuer(issuer)
        self._stack = ExitStack()
        self._read_key: ReadKey | None = None
        self._has_keys = False
        self._device: DeviceAuthorization | None = None
        self._deadline: Deadline | None = None
        self._is_browser_open = False
        self._link = self._shown_url = ""  # the second may be the shorter one, without the code
        self._state, self._wait = PollState.PENDING, 0.0
        self._reply = ""  # to the last key
        self._qr_code: QrCode | None = None  # what the key q shows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._console.erase_live()

    def on_code(self, device: DeviceAuthorization, deadline: Deadline) -> None:
        """Show URL, code and instructions (RFC 8628 §3.3), with a warning against codes of other people (§5.4)."""
        console, options = self._console, self._options
        self._device, self._deadline = device, deadline
        if options.json and not options.resume:
            console.event({**_code_event(device, self._environment.now()), **self._resume_command()})
        console.note("Signing in at ", (self._provider, "strong"))
        self._link = url = device.verification_uri_complete or device.verification_uri
        self._is_browser_open = self._open_browser(url)
        self._shown_url = _shown_url(device, console.err.columns)
        if qr_code := self._usable_qr_code(url):
            is_needed = not self._is_browser_open and self._fits(qr_code, QR_ROWS_BESIDE)
            if options.qr or is_needed:
                self._draw_qr_code(qr_code)
            elif self._fits(qr_code, QR_ROWS_BESIDE_SHORT):
                self._qr_code = qr_code
        self._show_instructions(device)
        if options.wait:
            self._begin_waiting()
        else:
            console.note("  Once it is approved: ", (resume_command(self._context), "accent"), indent="  ")

    def on_authorization(self, url: str, deadline: Deadline) -> None:
        """Open the URL, and show it too. Raises BrowserNotOpenedError, if that is pointless without a browser."""
        console, now = self._console, self._environment.now()
        self._is_browser_open = self._open_browser(url)
        if self._requires_browser and not self._is_browser_open:
            raise BrowserNotOpenedError
        self._deadline, self._link = deadline, url
        if self._options.json:
            console.event({"event": "authorization", "url": url, "expires_at": rfc3339(now + deadline.seconds)})
        console.note("Signing in at ", (self._provider, "strong"))
        if self._environment.has_ssh and not self._is_browser_open:
            console.warning(
                "You are connected over SSH: a browser at your side cannot return to this machine, unless the port is"
                f" forwarded. Sign in with a code instead: {login_command(self._context)} --no-web"
            )
        console.note()
        heading = "Your browser opens this:" if self._is_browser_open else "Open in a browser on this machine:"
        console.show((f"  {heading}", "strong"), indent="  ")
        console.show((url, "link"))
        console.note()
        console.show(
            f"  Valid for {duration(deadline.seconds)}. Approve only if you started this sign-in yourself.", indent="  "
        )
        console.note()
        self._begin_waiting()
        if self._environment.visit is not None:
            self._environment.visit(url)

    def _open_browser(self, url: str) -> bool:
        may_open = self._options.may_open_browser and self._console.is_interactive and not self._environment.is_remote
        return may_open and self._environment.open_browser(url)

    def _begin_waiting(self) -> None:
        console = self._console
        if not console.err.can_redraw:
            console.note_once(f"{self._state_text()}. {STOP}.")
        elif console.is_interactive and not console.quiet:
            self._read_key = self._stack.enter_context(pressed_keys(self._environment.stdin))

    def _resume_command(self) -> dict[str, str]:
        return {} if self._options.wait else {"resume": resume_command(self._context)}

    def on_poll(self, state: PollState, schedule: PollingSchedule) -> None:
        self._wait = schedule.wait
        if state != self._state:
            self._state, self._reply = state, ""
            if not self._console.err.can_redraw:
                self._console.note_once(f"{self._state_text()}.")

    def on_tick(self, request_seconds: float) -> None:
        """Look at the keys and draw the live line: what is happening, and how long the code is still valid."""
        is_slow = request_seconds >= CONTACTING_AFTER
        if not self._console.err.can_redraw:
            if is_slow and self._deadline is None:
                self._console.note_once(f"Contacting {self._provider} ...")
            return
        if self._read_key is not None:
            key = self._read_key()
            self._has_keys = key is not None
            self._react_to(key)
        if self._deadline is not None or is_slow:
            self._console.live(*self._live_line(is_slow=is_slow))

    def _show_instructions(self, device: DeviceAuthorization, *, is_short: bool = False) -> None:
        show, note, columns = self._console.show, self._console.note, self._console.err.columns
        is_narrow = columns is not None and columns < NARROW
        url, has_code = self._shown_url, self._shown_url == device.verification_uri_complete
        margin = " " if is_narrow else "  "
        open_it, enter, check = (
            (" Open", " Enter", " Check") if is_narrow else ("  1  Open ", "  2  Enter", "  2  Check")
        )
        if not is_short:
            note()
        if is_narrow or _exceeds(f"{open_it}  {url}", columns):
            show((open_it, "strong"))
            show("" if _exceeds(margin + url, columns) else margin, (url, "link"))
        else:
            show((open_it, "strong"), "  ", (url, "link"))
        step, words = (check, "that the page shows  ") if has_code else (enter, "")
        if _exceeds(f"{step}  {words}{device.user_code}", columns):
            words = ""
        show((step, "strong"), f"  {words}", (device.user_code, "strong"))
        if is_short:
            return
        validity = f"Valid for {duration(device.expires_in)}."
        note()
        if is_narrow:
            show(f"{margin}{validity}")
            show(f"{margin}Approve only if you started this.")
        else:
            show(f"{margin}{validity} Approve only if you started this sign-in yourself.", indent=margin)
        note()

    def _live_line(self, *, is_slow: bool) -> list[TextPart]:
        now, style = self._environment.now(), self._console.err
        frame = style.spinner[int(now * FRAMES_PER_SECOND) % len(style.spinner)]
        separator = f" {style.symbol('separator')} "
        available = style.size[0] - cells(f"{frame} ") - 1
        texts, words = [""], [""]
        for is_short in (False, True):
            texts = [self._state_text(is_slow=is_slow, is_short=is_short), *self._time_left(is_short=is_short)]
            words = [*texts, *self._keys(), STOP]
            if cells(separator.join(words)) <= available:
                break
        while cells(separator.join(words)) > available and len(words) > len(texts):
            words.pop(-2 if len(words) > len(texts) + 1 else -1)  # how to stop it is the last to go
        words[0] = cut(words[0], available - cells(separator.join(["", *words[1:]])), style.symbol("ellipsis"))
        return [(frame, "accent"), " ", words[0], *(part for word in words[1:] for part in ((separator, "dim"), word))]

    def _time_left(self, *, is_short: bool) -> list[str]:
        if self._deadline is None:
            return []
        minutes, seconds = divmod(round(self._deadline.seconds_left), 60)
        left = f"{minutes}:{seconds:02}"
        return [left if is_short else f"{'gives up' if self._deadline.is_timeout else 'expires'} in {left}"]

    def _keys(self) -> list[str]:
        """Return what keys do, or the reply to the last one."""
        if self._reply or not self._has_keys:
            return [self._reply] if self._reply else []
        copies = ["c copies the link"] if _has_clipboard(self._environment.environ) else []
        return [*copies, *(["q shows a QR code"] if self._qr_code else [])]

    def _state_text(self, *, is_slow: bool = False, is_short: bool = False) -> str:
        """Say what is happening. While a request is under way, that is whom it was sent to."""
        if is_slow:
            return f"Contacting {self._provider}"
        waiting = "Waiting" if is_short else "Waiting for approval"
        opened = "Browser opened" if is_short else f"Browser opened. {waiting}"
        is_retried = self._deadline is None or self._wait <= self._deadline.seconds_left
        retry = f", {'retry' if is_short else 'next try'} in {self._wait:.0f} s" if is_retried else ""
        return {
            PollState.PENDING: opened if self._is_browser_open else waiting,
            PollState.SLOW_DOWN: "Asked to slow down" if is_short else "The provider asks to slow down",
            PollState.UNREACHABLE: f"{'Offline' if is_short else 'No connection'}{retry}",
            PollState.FAILING: f"Provider error{retry}",
        }[self._state]

    def _react_to(self, key: str | None) -> None:
        if key == "c" and _has_clipboard(self._environment.environ):
            text = base64.b64encode(self._link.encode()).decode()
            self._console.draw(f"\033]52;c;{text}\a", end="")
            self._reply = "Link copied"
        elif key == "q" and self._qr_code is not None and self._device is not None:
            self._draw_qr_code(self._qr_code)
            self._qr_code = None
            self._show_instructions(self._device, is_short=True)

    def _usable_qr_code(self, url: str) -> QrCode | None:
        """Return the QR code, unless it cannot be shown, or leads nowhere: to this machine, seen from another one."""
        console, options = self._console, self._options
        is_useful = console.is_interactive and console.err.has_colours and not is_loopback(urlsplit(url).hostname or "")
        if options.qr is False or not (options.qr or is_useful):
            return None
        from awesome_cli.cli.qr_code import BLOCKS, QrCode

        return QrCode(url) if console.err.can_encode("".join(BLOCKS.values())) else None

    def _fits(self, qr_code: QrCode, rows_beside: int) -> bool:
        columns, rows = self._console.err.size
        broken = cells(self._shown_url) // columns  # rows of a URL that is longer than the window is wide
        return columns >= qr_code.columns and rows >= qr_code.rows + rows_beside + broken

    def _draw_qr_code(self, qr_code: QrCode) -> None:
        self._console.draw("\n".join(["", *qr_code.lines(has_colours=self._console.err.has_colours)]))
        self._console.show("  Scan the code, or")


def _exceeds(line: str, columns: int | None) -> bool:
    return columns is not None and cells(line) > columns


def _shown_url(device: DeviceAuthorization, columns: int | None) -> str:
    """Return the URL to show: the one that carries the code, or a shorter one, if the window would break that."""
    short, complete = device.verification_uri, device.verification_uri_complete
    if complete is None or (columns is not None and cells(short) < columns <= cells(complete)):
        return short
    return complete


def _code_event(device: DeviceAuthorization, now: float) -> Mapping[str, object]:
    return {
        "event": "device_code",
        "verification_uri": device.verification_uri,
        "verification_uri_complete": device.verification_uri_complete,
        "user_code": device.user_code,
        "expires_at": rfc3339(now + device.expires_in),
        "interval": device.interval,
    }


def _has_clipboard(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is one that takes text for the clipboard (OSC 52); those that do not are known."""
    is_other = environ.get("TERM", "") in ("linux", "screen") or "VTE_VERSION" in environ
    return not is_other and environ.get("TERM_PROGRAM") != "Apple_Terminal"

"""A real browser without a screen: Chromium, controlled by chromedriver's WebDriver protocol."""

from __future__ import annotations

import base64
import os
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from support.home import private_home
from support.processes import START_WITHIN, running, start_limit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

_TIMEOUT = START_WITHIN  # seconds until an element or a text appears
_POLL_INTERVAL = 0.05
_DESKTOP_WIDTH = 600
TAB, ENTER = "\ue004", "\ue007"  # W3C WebDriver §17.4.2
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver §12.1: the key of element references
_ARGUMENTS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # no request leaves this machine
]


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser with an empty profile during the block."""
    with (
        private_home() as environ,
        running(["chromedriver", "--port=0"], environ) as driver,
        httpx.Client(base_url=f"http://127.0.0.1:{_port(driver)}", timeout=START_WITHIN, trust_env=False) as client,
    ):
        started = _value(
            client.post("/session", json={"capabilities": {"alwaysMatch": _capabilities(environ["HOME"])}})
        )
        session = f"/session/{started['sessionId']}"
        try:
            yield Browser(client, session)
        finally:
            _value(client.delete(session))  # ends the browser, which ending chromedriver would not


class Browser:
    """One window. Elements are selected by CSS and waited for."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client = client
        self._session = session

    def open(self, url: str) -> None:
        self._post("url", url=url)

    def click(self, css: str) -> None:
        self._post(f"{self._element(css)}/click")

    def type(self, css: str, text: str) -> None:
        self._post(f"{self._element(css)}/value", text=text)

    def text(self, css: str = "body") -> str:
        """Return the visible text."""
        self._element(css)
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"  # the page may be unloading
        return str(self.run(script, css))

    def wait_for(self, text: str, css: str = "body") -> str:
        """Wait for a text, and return all visible text."""
        deadline = time.monotonic() + _TIMEOUT
        while text not in (visible := self.text(css)):
            assert time.monotonic() < deadline, f"{text!r} is not in {visible!r}"
            time.sleep(_POLL_INTERVAL)
        return visible

    def emulate(self, *, size: tuple[int, int], is_dark: bool = False) -> None:
        """Lay pages out for a screen of this size and color scheme; a narrow one is a phone's."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < _DESKTOP_WIDTH}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme]})

    def run(self, script: str, *args: str) -> Any:  # noqa: ANN401 - JSON
        """Run a script in the page, whatever its Content Security Policy is, and return what it or its promise does."""
        return self._post("execute/sync", script=script, args=list(args))

    def press(self, *keys: str) -> None:
        """Press and release keys: single characters, or the code points of WebDriver §17.4.2."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def reload(self) -> None:
        self._post("refresh")

    def back(self) -> None:
        self._post("back")

    def console(self) -> list[str]:
        """Return the messages of the console since the last call, such as violations of a policy."""
        return [entry["message"] for entry in self._post("se/log", type="browser")]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._get("screenshot")))

    @property
    def title(self) -> str:
        return str(self._get("title"))

    @property
    def url(self) -> str:
        return str(self._get("url"))

    def _element(self, css: str) -> str:
        found = self._post("element", using="css selector", value=css)
        return f"element/{found[_ELEMENT]}"

    def _get(self, what: str) -> Any:  # noqa: ANN401 - JSON
        return _value(self._client.get(f"{self._session}/{what}"))

    def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        self._post("goog/cdp/execute", cmd=command, params=parameters)

    def _post(self, what: str, **values: Any) -> Any:  # noqa: ANN401 - JSON
        return _value(self._client.post(f"{self._session}/{what}", json=values))


def _capabilities(profile: str) -> dict[str, Any]:
    arguments = [*_ARGUMENTS, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox does not work for root
    return {
        "browserName": "chrome",
        "timeouts": {"implicit": _TIMEOUT * 1000},
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }


def _port(driver: Popen[str]) -> int:
    assert driver.stdout
    with start_limit(driver):
        for line in driver.stdout:
            if started := re.search(r"started successfully on port (\d+)", line):
                return int(started[1])
    raise AssertionError("chromedriver did not start")


def _value(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    value = response.json()["value"]
    assert response.is_success, value
    return value

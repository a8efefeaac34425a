"""Real Secret Services, each with its own D-Bus and home folder; and environments without a usable one."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.home import private_home
from support.processes import START_WITHIN, running, start_limit, started

try:
    import secretstorage
    from jeepney import DBusErrorResponse
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection
except ImportError:
    pytest.skip("not on this machine: secretstorage, which keyring brings on Linux only", allow_module_level=True)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PASSWORD = "only for tests"
_ADDRESS = "DBUS_SESSION_BUS_ADDRESS"
_LOOK_EVERY = 0.02  # seconds


@dataclass(frozen=True)
class Entry:
    """One entry as a keyring app lists it; the secret's size is in bytes, and None while it is locked."""

    label: str
    attributes: dict[str, str]
    secret_size: int | None


@dataclass(frozen=True)
class SecretService:
    """A running Secret Service; programs find it by ``environ``."""

    environ: dict[str, str]
    stop: Callable[[], None] = field(repr=False)  # ends the service, not the bus; a second time does nothing

    @property
    def bus(self) -> dict[str, str]:
        """The variables by which programs find the service."""
        return {name: self.environ[name] for name in (_ADDRESS, "XDG_RUNTIME_DIR")}

    def items(self) -> list[Entry]:
        with self._default_collection() as collection:
            locked = collection.is_locked()
            return [
                Entry(item.get_label(), item.get_attributes(), None if locked else len(item.get_secret()))
                for item in collection.get_all_items()
            ]

    def lock(self) -> None:
        """Lock the collection, as a screen saver does. KeePassXC stays as it is: use ``unlocked=False`` there."""
        with self._default_collection() as collection:
            collection.lock()

    def is_locked(self) -> bool:
        with self._default_collection() as collection:
            return collection.is_locked()

    def is_running(self) -> bool:
        """Return whether the service still answers; KeePassXC may have crashed."""
        try:
            self.is_locked()
        except Exception:  # noqa: BLE001 - any error means that it does not answer
            return False
        return True

    def pause_bus(self, seconds: float) -> threading.Timer:
        """Stop the D-Bus now and let it go on after a while, as on a machine that is too busy to run it."""
        with _connection(self.environ) as connection:
            (number,) = Proxy(message_bus, connection).GetConnectionUnixProcessID("org.freedesktop.DBus")
        os.kill(number, signal.SIGSTOP)
        timer = threading.Timer(seconds, os.kill, (number, signal.SIGCONT))
        timer.start()
        return timer

    @contextmanager
    def _default_collection(self) -> Iterator[secretstorage.Collection]:
        with _connection(self.environ) as connection:
            yield secretstorage.Collection(connection)


@contextmanager
def gnome_keyring(*, unlocked: bool = True) -> Iterator[SecretService]:
    """Run GNOME Keyring. When locked without a screen, it fails at once: keyring raises ``KeyringLocked``."""
    with _bus() as environ, ExitStack() as started:
        keyrings = Path(environ["XDG_DATA_HOME"], "keyrings")
        keyrings.mkdir()
        (keyrings / "default").write_text("login")
        command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
        daemon = started.enter_context(running(command, environ, first_input=_PASSWORD))
        service = SecretService(environ, started.close)
        _wait_until(daemon, lambda: not service.is_locked())
        if not unlocked:
            service.lock()
        yield service


@contextmanager
def keepassxc(*, unlocked: bool = True) -> Iterator[SecretService]:
    """Run KeePassXC with a database whose only group is exposed, set to ask nothing.

    When locked, it asks for the password in a window, and answers the caller only then. It shows
    no items while it is locked. Old versions (2.7.4 is one) ask, in spite of the settings, when an entry is *replaced*
    too (keepassxreboot/keepassxc#9255): there, delete it first.
    """
    with _bus() as environ, ExitStack() as started:
        database = _database(environ)
        settings = Path(environ["XDG_CONFIG_HOME"], "keepassxc", "keepassxc.ini")
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(_KEEPASSXC_SETTINGS)
        command = ["keepassxc", *(["--pw-stdin"] if unlocked else []), str(database)]
        offscreen = environ | {"QT_QPA_PLATFORM": "offscreen"}
        program = started.enter_context(running(command, offscreen, first_input=f"{_PASSWORD}\n"))
        service = SecretService(environ, started.close)
        _wait_until(program, lambda: service.is_locked() is not unlocked)
        yield service


@contextmanager
def silent_service() -> Iterator[dict[str, str]]:
    """Yield the environment of a Secret Service that never answers a call."""
    with _bus() as environ, _connection(environ) as connection:
        Proxy(message_bus, connection).RequestName("org.freedesktop.secrets")
        yield environ


@contextmanager
def dead_bus() -> Iterator[dict[str, str]]:
    """Yield the environment of a D-Bus that accepts connections and sends nothing; jeepney waits 1 s."""
    with private_home() as environ, socket.socket(socket.AF_UNIX) as listener:
        path = Path(environ["XDG_RUNTIME_DIR"], "bus")
        listener.bind(str(path))
        listener.listen()
        yield environ | {_ADDRESS: f"unix:path={path}"}


@contextmanager
def no_bus() -> Iterator[dict[str, str]]:
    """Yield the environment of a machine without D-Bus, such as a container."""
    with private_home() as environ:
        yield environ


@contextmanager
def _bus() -> Iterator[dict[str, str]]:
    """Run a D-Bus that starts no services by itself, so that only those of the tests are found."""
    with private_home() as environ:
        address = f"unix:path={environ['XDG_RUNTIME_DIR']}/bus"
        settings = Path(environ["XDG_CONFIG_HOME"], "dbus.conf")
        settings.write_text(_BUS_SETTINGS.format(address=address))
        command = ["dbus-daemon", "--nofork", "--nosyslog", f"--config-file={settings}", "--print-address"]
        with started(command, environ):
            yield environ | {_ADDRESS: address}


@contextmanager
def _connection(environ: dict[str, str]) -> Iterator[DBusConnection]:
    with closing(open_dbus_connection(bus=environ[_ADDRESS])) as connection:
        yield connection


def _wait_until(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_WITHIN
    with start_limit(process):
        while time.monotonic() < deadline:
            try:
                if ready():
                    return
            except (secretstorage.SecretStorageException, DBusErrorResponse):
                pass  # not ready yet
            time.sleep(_LOOK_EVERY)
    raise AssertionError(f"{process.args!r} did not come up")


def _database(environ: dict[str, str]) -> Path:
    """Create a KeePass database; the setting that exposes its group is stored in the database."""
    export, database = (Path(environ["HOME"], name) for name in ("export.xml", "secrets.kdbx"))
    group = uuid.uuid4()
    in_base64 = base64.b64encode(group.bytes).decode()
    export.write_text(_KEEPASS_EXPORT.format(exposed=f"{{{group}}}", group=in_base64))
    command = ["keepassxc-cli", "import", "--quiet", "--set-password", "--decryption-time", "100"]
    subprocess.run(
        [*command, str(export), str(database)],
        env=environ,
        input=f"{_PASSWORD}\n{_PASSWORD}\n",
        text=True,
        capture_output=True,
        check=True,
        timeout=START_WITHIN,
    )
    return database


_BUS_SETTINGS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

_KEEPASSXC_SETTINGS = """\
[General]
ConfigVersion=2
SingleInstance=false
UpdateCheckMessageShown=true

[FdoSecrets]
Enabled=true
ConfirmAccessItem=false
ConfirmDeleteItem=false
ShowNotification=false

[GUI]
CheckForUpdates=false
"""

_KEEPASS_EXPORT = """\
<?xml version="1.0" encoding="UTF-8"?>
<KeePassFile>
  <Meta>
    <DatabaseName>Secrets</DatabaseName>
    <RecycleBinEnabled>False</RecycleBinEnabled>
    <CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{exposed}</Value></Item></CustomData>
  </Meta>
  <Root><Group><UUID>{group}</UUID><Name>Secrets</Name></Group></Root>
</KeePassFile>
"""

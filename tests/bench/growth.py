"""How times grow with the size of a session, the number of profiles, and of processes at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bench.runner import DAY, Runner

_STORE = """
import contextlib, dataclasses, pathlib, sys
from awesome_cli.keystore.detection import SECRET_SERVICE
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.keystore.secret_service import SecretService
from awesome_cli.sessions.index import SessionIndex
from awesome_cli.sessions.store import SessionStore
secrets = KeyringStore(SecretService, username="awesome", timeout=30, note=print)
store = SessionStore(secrets, "awesome-cli:default")
session = store.load()
"""
_ENLARGE = f"""{_STORE}
store.save(dataclasses.replace(session, access_token="x" * int(sys.argv[1])))
"""
_ADD_PROFILES = f"""{_STORE}
index = SessionIndex(pathlib.Path(sys.argv[1]), contextlib.nullcontext, warn=print)
small = dataclasses.replace(session, access_token="x", refresh_token="x", id_token="x")
for number in range(*map(int, sys.argv[2:])):
    SessionStore(secrets, f"awesome-cli:profile-{{number}}").save(small)
    index.add(f"profile-{{number}}", SECRET_SERVICE)
"""


def by_session_size(runner: Runner, kilobytes: Iterable[int], runs: int) -> dict[str, float]:
    """Time ``token`` with large access tokens, as some providers issue them."""
    result = {}
    for size in kilobytes:
        runner.run([*runner.python, _ENLARGE, str(size * 1024)])
        result[f"{size} kB"] = _median(runner, ["token"], runs)
    runner.sign_in()
    return result


def by_profiles(runner: Runner, counts: Iterable[int], runs: int) -> dict[str, dict[str, float]]:
    """Time two commands with so many profiles signed in. ``profiles`` reads all, so it runs less often."""
    say_hi, profiles, existing = {}, {}, 1
    for count in counts:
        runner.run([*runner.python, _ADD_PROFILES, str(runner.state / "sessions.json"), str(existing), str(count)])
        existing = count
        say_hi[str(count)] = _median(runner, ["say-hi"], runs)
        profiles[str(count)] = _median(runner, ["profiles"], max(3, runs // 5))
    return {"say-hi by profiles": say_hi, "profiles by profiles": profiles}


def by_processes(runner: Runner, counts: Iterable[int], *, expired: bool) -> dict[str, float]:
    """Time ``say-hi`` in so many processes at once; of those that find an expired session, one renews it."""
    result = {}
    for count in counts:
        if expired:
            _expire(runner)
        before = runner.issuer.refreshes
        started = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda _: runner.run([runner.awesome, "say-hi"]), range(count)))
        result[str(count)] = time.perf_counter() - started
        assert runner.issuer.refreshes - before == int(expired), "one refresh for all commands"
    return result


def _expire(runner: Runner) -> None:
    runner.issuer.token_lifetime = 1
    runner.sign_in()
    time.sleep(1.1)
    runner.issuer.token_lifetime = DAY


def _median(runner: Runner, command: list[str], runs: int) -> float:
    return statistics.median(runner.run([runner.awesome, *command]) for _ in range(runs))

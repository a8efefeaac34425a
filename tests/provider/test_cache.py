"""Discovery and keys on disk: they save requests, and cannot be used against anybody."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from awesome_cli.provider.cache import CLOCK_SLACK, MAX_AGE, FileMetadataCache, digest
from awesome_cli.system.files import LARGEST
from awesome_cli.testing.hostile import DISCOVERY, KEYS
from awesome_cli.testing.time import START
from support.terminal import Terminal

ISSUER = "https://provider.example/"
DOCUMENT = {"discovery": {"issuer": ISSUER}, "keys": []}
TWO_HOURS = 7200


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, warnings: list[str]) -> FileMetadataCache:
    return FileMetadataCache(tmp_path / "cache", warn=warnings.append)


def load(cache: FileMetadataCache, *, expected: str = digest(DOCUMENT), now: float = START) -> dict[str, Any] | None:
    return cache.load(ISSUER, expected=expected, now=now)


def file_of(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


class TestWhatIsKept:
    def test_a_saved_document_can_be_loaded(self, cache: FileMetadataCache) -> None:
        assert cache.save(ISSUER, DOCUMENT, now=START) == digest(DOCUMENT)
        assert load(cache) == DOCUMENT

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    def test_the_cache_file_is_private(self, cache: FileMetadataCache, tmp_path: Path) -> None:
        cache.save(ISSUER, DOCUMENT, now=START)
        folder = tmp_path / "cache"
        assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file_of(folder))] == [0o700, 0o600]

    def test_each_issuer_has_one_cache_file(self, cache: FileMetadataCache, tmp_path: Path) -> None:
        for keys in ([], [1], [2]):
            cache.save(ISSUER, {**DOCUMENT, "keys": keys}, now=START)
        cache.save(ISSUER + "other", DOCUMENT, now=START)
        assert len(list((tmp_path / "cache").iterdir())) == 2

    def test_a_document_is_not_loaded_for_another_issuer(self, cache: FileMetadataCache) -> None:
        cache.save(ISSUER + "other", DOCUMENT, now=START)
        assert load(cache) is None

    @pytest.mark.parametrize("age", [-CLOCK_SLACK, 0, MAX_AGE])
    def test_a_cached_document_is_used_for_a_week(self, cache: FileMetadataCache, age: float) -> None:
        cache.save(ISSUER, DOCUMENT, now=START)
        assert load(cache, now=START + age) == DOCUMENT

    @pytest.mark.parametrize("age", [-CLOCK_SLACK - 1, MAX_AGE + 1])
    def test_a_document_from_the_future_or_older_than_a_week_is_not_used(
        self, cache: FileMetadataCache, age: float
    ) -> None:
        cache.save(ISSUER, DOCUMENT, now=START)
        assert load(cache, now=START + age) is None

    def test_a_document_with_another_digest_is_not_used(self, cache: FileMetadataCache) -> None:
        cache.save(ISSUER, DOCUMENT, now=START)
        assert load(cache, expected=digest({**DOCUMENT, "keys": [1]})) is None


BAD_FILES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "no JSON": lambda data: data + b"}",
    "no UTF-8": lambda data: data.replace(b"fetched_at", b"fetched_\xff"),
    "no object": lambda data: b"[" + data + b"]",
    "nested deeply": lambda _: b"[" * 100_000,
    "a document of another type": lambda _: b'{"fetched_at": 1800000000.0, "document": [1]}',
    "no document": lambda _: b'{"fetched_at": 1800000000.0}',
    "no age": lambda data: data.replace(b"fetched_at", b"fetched"),
    "an age of another type": lambda data: data.replace(b"1800000000.0", b'"now"'),
    "an age that is no number": lambda data: data.replace(b"1800000000.0", b"NaN"),
    "an age beyond all numbers": lambda data: data.replace(b"1800000000.0", b"1" * 400),
    "oversize": lambda data: data + b" " * LARGEST,
    "poisoned endpoint": lambda data: data.replace(b"provider.example/token", b"evil.example/token"),
    "poisoned keys": lambda data: data.replace(b'"kid": "', b'"kid": "x'),
}


@pytest.mark.parametrize("change", BAD_FILES.values(), ids=BAD_FILES)
def test_a_damaged_cache_file_is_ignored_and_replaced(change: Callable[[bytes], bytes], terminal: Terminal) -> None:
    terminal.login()
    path = file_of(terminal.environment.cache_dir)
    good = path.read_bytes()
    bad = change(good)
    assert bad != good
    path.write_bytes(bad)
    terminal.time.pass_by(TWO_HOURS)
    assert (terminal.run("say-hi"), terminal.out) == (0, "Welcome Juan!\n")
    assert terminal.paths == [DISCOVERY, KEYS, "/token"]
    assert {request.url.host for request in terminal.requests} == {"provider.example"}
    assert json.loads(path.read_bytes())["document"] == json.loads(good)["document"]


def test_a_refresh_with_a_cached_document_takes_one_request(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(TWO_HOURS)
    assert terminal.run("say-hi") == 0
    assert terminal.paths == ["/token"]


def test_an_old_cache_file_is_fetched_again(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(MAX_AGE + 1)
    assert terminal.run("say-hi") == 0
    assert terminal.paths == [DISCOVERY, KEYS, "/token"]


def test_a_missing_cache_file_costs_two_requests(terminal: Terminal) -> None:
    terminal.login()
    file_of(terminal.environment.cache_dir).unlink()
    terminal.time.pass_by(TWO_HOURS)
    assert terminal.run("say-hi") == 0
    assert terminal.paths == [DISCOVERY, KEYS, "/token"]


def test_changed_keys_are_saved_with_the_session(terminal: Terminal) -> None:
    terminal.login()
    terminal.issuer.alg = "ES256"
    for paths in (["/token", KEYS], ["/token"]):
        terminal.time.pass_by(TWO_HOURS)
        assert terminal.run("say-hi") == 0
        assert terminal.paths == paths


def test_logout_uses_the_cache_file_too(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("logout") == 0
    assert terminal.paths == ["/revoke", "/revoke"]


def test_an_unusable_cache_folder_costs_requests_and_a_warning(terminal: Terminal) -> None:
    terminal.environment.cache_dir.write_text("a file in the way")
    terminal.login()
    assert "Warning: " in terminal.err
    assert str(terminal.environment.cache_dir) in terminal.err
    terminal.time.pass_by(TWO_HOURS)
    assert (terminal.run("say-hi"), terminal.out) == (0, "Welcome Juan!\n")
    assert terminal.paths == [DISCOVERY, KEYS, "/token"]


def test_a_cache_file_that_is_a_folder_is_ignored(
    cache: FileMetadataCache, tmp_path: Path, warnings: list[str]
) -> None:
    cache.save(ISSUER, DOCUMENT, now=START)
    path = file_of(tmp_path / "cache")
    path.unlink()
    path.mkdir()
    assert load(cache) is None
    assert cache.save(ISSUER, DOCUMENT, now=START) == digest(DOCUMENT)
    assert len(warnings) == 1

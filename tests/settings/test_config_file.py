"""ConfigFile: reading ``config.toml``, messages with file and line, and changes that keep comments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from awesome_cli.errors import ConfigError
from awesome_cli.settings.config_file import ConfigFile
from support.config_file import FILE, read
from support.requirements import POSIX


def test_a_file_that_does_not_exist_has_no_profiles(path: Path) -> None:
    assert ConfigFile.read(path).names == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[profiles.work\n", "line 1"),
        ("profiles = 1\n", r"profiles must be tables, written as \[profiles.NAME\]"),
        ("[profiles]\nwork = 1\n", "profiles must be tables"),
        ('\n[profiles."a b"]\n', "line 2: 'a b' is not a valid profile name"),
        ('a = "\ud7ff\\ud800"', "cannot be used"),
        ("a = " + "[" * 5000, "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_reported_with_its_line(path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(path, text)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_redirect_uri_may_be_any_address_of_this_machine(path: Path, host: str) -> None:
    uri = f"http://{host}:8484/callback"
    assert read(path, f'[profiles.work]\nredirect_uri = "{uri}"\n').profile("work") == {"redirect_uri": uri}


def test_a_file_that_cannot_be_read_is_reported(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be used"):
        ConfigFile.read(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pkce = 1", "pkce must be true or false"),
        ('flow = "browser"', "flow must be one of device, web, auto"),
        ("flow = true", "flow must be a string"),
        *(
            (f'redirect_uri = "{url}"', "redirect_uri must be a URL on this machine with a port")
            for url in (
                "https://127.0.0.1:8484/callback",
                "http://127.0.0.1/callback",
                "http://localhost/callback",
                "http://example.com:8484/callback",
                "http://127.0.0.2:8484/callback",
                "http://[0:0:0:0:0:0:0:1]:8484/callback",
                "http://127.0.0.1:8484/a/../callback",
                "http://127.0.0.1:8484/callback?a=b",
                "http://127.0.0.1:8484/callback#a",
                "urn:ietf:wg:oauth:2.0:oob",
            )
        ),
        ("client_id = 7", "client_id must be a string"),
        ('token_endpoint = "http://id.example/token"', "token_endpoint must be an https:// URL"),
        ("issuer = false", "issuer must be an https:// URL"),
    ],
)
def test_an_invalid_setting_is_reported_with_its_line(path: Path, line: str, message: str) -> None:
    config = read(path, f"[profiles.other]\n{line}\n\n[profiles.work]\n# mine\n{line}\n")
    with pytest.raises(ConfigError, match=f"line 6: {message}"):
        config.profile("work")


def test_an_empty_setting_counts_as_absent(path: Path) -> None:
    assert read(path, '[profiles.work]\njwks_uri = ""\nclient_id = ""\n').profile("work") == {}


def test_unknown_keys_are_listed(path: Path) -> None:
    config = read(path, '[profile.home]\n[profiles.work]\nclientid = "a"\nclient_id = "b"\n')
    assert config.profile("work")["client_id"] == "b"
    assert config.unknown == {"clientid", "profile"}
    assert read(path, '[profiles.work]\nclient_id = "b"\n').unknown == set()


def test_saving_keeps_comments_and_order(path: Path) -> None:
    read(path, FILE).save("work", {"client_id": "new", "audience": "https://api/", "scope": None})
    assert path.read_text("utf-8") == FILE.replace('"from file"', '"new"') + 'audience = "https://api/"\n'


@POSIX
def test_saving_creates_a_private_file_with_a_table_for_the_profile(path: Path) -> None:
    ConfigFile.read(path).save("work", {"domain": "a.auth0.com", "client_id": "b"})
    assert path.read_text("utf-8") == '[profiles.work]\ndomain = "a.auth0.com"\nclient_id = "b"\n'
    assert path.stat().st_mode & 0o777 == 0o600


def test_saving_keeps_windows_line_ends(path: Path) -> None:
    path.write_bytes(b'# mine\r\n[profiles.work]\r\nscope = "openid"  # why\r\naudience = "a"\r\n')
    ConfigFile.read(path).save("work", {"scope": "openid email"})
    assert path.read_bytes() == b'# mine\r\n[profiles.work]\r\nscope = "openid email"  # why\r\naudience = "a"\r\n'
    ConfigFile.read(path).save("work", {"issuer": "https://issuer.example/"})
    assert ConfigFile.read(path).profile("work") == {
        "scope": "openid email",
        "audience": "a",
        "issuer": "https://issuer.example/",
    }


def test_saving_an_issuer_removes_the_domain(path: Path) -> None:
    read(path, FILE).save("work", {"issuer": "https://id.example/"})
    assert ConfigFile.read(path).profile("work")["issuer"] == "https://id.example/"
    assert "domain" not in path.read_text("utf-8")


def test_saving_unchanged_settings_does_not_write_the_file(path: Path) -> None:
    config = read(path, FILE)
    before = path.stat().st_ino  # a replacement is another file
    config.save("work", {"client_id": "from file", "audience": None})
    assert path.stat().st_ino == before


def test_saving_keeps_changes_by_another_process(path: Path) -> None:
    config = read(path, FILE)
    ConfigFile.read(path).save("home", {"client_id": "theirs"})
    config.save("work", {"client_id": "ours"})
    after = ConfigFile.read(path)
    assert (after.profile("home")["client_id"], after.profile("work")["client_id"]) == ("theirs", "ours")


def test_the_file_is_changed_under_the_lock(path: Path) -> None:
    existed = []

    @contextmanager
    def lock() -> Iterator[None]:
        existed.append(path.exists())
        yield
        existed.append(path.exists())

    ConfigFile.read(path, lock).save("work", {"client_id": "a"})
    assert existed == [False, True]


def test_removing_a_profile_keeps_the_rest_of_the_file(path: Path) -> None:
    text = f'{FILE}\n[other]\na = 1\n\n[profiles.home]\nclient_id = "b"\n'
    config = read(path, text)
    config.remove("work")
    config.remove("nobody")
    after = ConfigFile.read(path)
    assert after.names == ["home"]
    assert "[other]\na = 1" in after.text


def test_a_profile_that_another_process_removed_can_be_removed(path: Path) -> None:
    config = read(path, FILE)
    path.write_text("", encoding="utf-8")
    config.remove("work")
    assert path.read_text("utf-8") == ""


@pytest.mark.parametrize(
    "text",
    [
        f"x = {'[' * 150}{']' * 150}\n[profiles.work]\nclient_id = 'a'\n",
        "[profiles.work.sub]\na = 1\n[profiles]\n[profiles.work]\nissuer = 'https://a/'\n",
    ],
    ids=["nested deeply", "tables out of order"],
)
def test_a_file_that_tomlkit_cannot_change_is_left_unchanged(path: Path, text: str) -> None:
    config = read(path, text)
    with pytest.raises(ConfigError) as caught:
        config.save("work", {"domain": "a.auth0.com"})
    assert caught.value.message == f"{path} is written in a way that cannot be changed here."
    assert path.read_text("utf-8") == text

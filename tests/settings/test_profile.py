"""Settings: which source decides, what is refused, and how ``config.toml`` is read and written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from awesome_cli.brand import AWESOME
from awesome_cli.errors import ConfigError, UsageError
from awesome_cli.settings.config_file import ConfigFile
from awesome_cli.settings.profile import (
    Profile,
    checked_url,
    issuer_of,
    keyring_timeout,
    profile_name,
    resolve,
    session_requirements,
    with_openid,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from awesome_cli.settings.profile import Settings

FILE = """
# our tenant
[profiles.work]
domain = "work.eu.auth0.com"  # production
client_id = "filed"
scope = "openid offline_access"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, text: str) -> ConfigFile:
    path.write_bytes(text.encode())
    return ConfigFile.read(path)


def weigh(
    path: Path, *, flags: Settings | None = None, environ: Mapping[str, str] | None = None, text: str = FILE
) -> Profile:
    return resolve("work", flags=flags or {}, environ=environ or {}, config=read(path, text), brand=AWESOME)


@pytest.mark.parametrize("name", ["a", "work", "Work-2.eu_west", "." * 64, "-q"])
def test_a_profile_may_have_a_plain_name(name: str) -> None:
    assert profile_name(name, {}, AWESOME) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a\n", "ä", "a" * 65, "a:b", "\u0661"])
def test_a_profile_may_have_no_other_name(name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a profile"):
        profile_name(name, {}, AWESOME)


def test_the_flag_names_the_profile_before_the_variable_does_and_that_before_the_default() -> None:
    assert profile_name("flag", {"AWESOME_PROFILE": "variable"}, AWESOME) == "flag"
    assert profile_name(None, {"AWESOME_PROFILE": "variable"}, AWESOME) == "variable"
    assert profile_name(None, {"AWESOME_PROFILE": ""}, AWESOME) == "default"
    assert profile_name(None, {}, AWESOME) == "default"


SOURCES: list[tuple[str, Settings, dict[str, str]]] = [
    ("flag", {"client_id": "flag"}, {}),
    ("AWESOME_CLIENT_ID", {}, {"AWESOME_CLIENT_ID": "ours"}),
    ("AUTH0_CLIENT_ID", {}, {"AUTH0_CLIENT_ID": "theirs"}),
    ("config.toml", {}, {}),
]


@pytest.mark.parametrize("rank", range(len(SOURCES)))
def test_the_first_source_that_says_something_decides(path: Path, rank: int) -> None:
    flags: dict[str, str | None] = {}
    environ: dict[str, str] = {}
    for _, flag, variables in SOURCES[rank:]:
        flags |= flag
        environ |= variables
    profile = weigh(path, flags=flags, environ=environ)
    source, flag, variables = SOURCES[rank]
    assert profile.sources["client_id"] == source
    assert profile.client_id == next(iter([*flag.values(), *variables.values(), "filed"]))


def test_what_nobody_says_is_the_default_or_nothing(path: Path) -> None:
    profile = weigh(path, text="")
    assert profile.settings == {
        "issuer": None,
        "client_id": None,
        "audience": None,
        "scope": "openid profile email offline_access",
        "api_url": None,
        "resource": False,
        "pkce": False,
    }
    assert profile.sources == {"scope": "default", "resource": "default", "pkce": "default"}
    assert profile.resource_indicator is None


def test_an_empty_variable_counts_as_absent(path: Path) -> None:
    assert weigh(path, environ={"AWESOME_CLIENT_ID": "", "AWESOME_ISSUER": ""}).client_id == "filed"


def test_a_domain_is_short_for_auth0s_issuer(path: Path) -> None:
    profile = weigh(path)
    assert (profile.issuer, profile.sources["issuer"]) == ("https://work.eu.auth0.com/", "config.toml")


def test_a_source_that_names_both_means_the_issuer(path: Path) -> None:
    environ = {"AWESOME_DOMAIN": "other.auth0.com", "AWESOME_ISSUER": "https://id.example/realm"}
    profile = weigh(path, environ=environ)
    assert (profile.issuer, profile.sources["issuer"]) == ("https://id.example/realm", "AWESOME_ISSUER")


def test_a_domain_in_a_higher_source_wins_over_an_issuer_in_a_lower_one(path: Path) -> None:
    profile = weigh(path, environ={"AUTH0_DOMAIN": "other.auth0.com"}, text='[profiles.work]\nissuer = "https://id/"')
    assert (profile.issuer, profile.sources["issuer"]) == ("https://other.auth0.com/", "AUTH0_DOMAIN")


def test_a_profile_knows_switches_and_endpoints(path: Path) -> None:
    text = """
[profiles.work]
audience = "https://api.example/"
resource = true
pkce = true
jwks_uri = "https://id.example/keys"
"""
    profile = weigh(path, text=text)
    assert profile.resource_indicator == "https://api.example/"
    assert profile.settings["pkce"] is True
    assert profile.settings["jwks_uri"] == "https://id.example/keys"
    assert profile.sources["pkce"] == profile.sources["jwks_uri"] == "config.toml"


def test_only_our_own_variables_insist() -> None:
    environ = {"AUTH0_CLIENT_ID": "theirs", "AWESOME_DOMAIN": "other.auth0.com"}
    assert session_requirements(environ, AWESOME) == [("issuer", "https://other.auth0.com/", "AWESOME_DOMAIN")]
    assert session_requirements({"AWESOME_CLIENT_ID": "ours"}, AWESOME) == [("client_id", "ours", "AWESOME_CLIENT_ID")]
    assert session_requirements({"AWESOME_API_URL": "http://example.com/", "AWESOME_AUDIENCE": "\udcff"}, AWESOME) == []


@pytest.mark.parametrize(
    ("domain", "issuer"),
    [
        ("tenant.eu.auth0.com", "https://tenant.eu.auth0.com/"),
        ("https://tenant.eu.auth0.com/", "https://tenant.eu.auth0.com/"),
        ("login.example.com:8443", "https://login.example.com:8443/"),
    ],
)
def test_a_domain_becomes_an_issuer(domain: str, issuer: str) -> None:
    assert issuer_of(domain) == issuer


@pytest.mark.parametrize("domain", ["", "http://tenant.auth0.com", "a b", "tenant/path", "a?x", "user@tenant", "ä"])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(ConfigError, match="is no domain"):
        issuer_of(domain)


@pytest.mark.parametrize("url", ["https://id.example/realm", "http://127.0.0.1:8765/", "http://localhost/x"])
def test_a_secure_url_is_accepted_as_it_is(url: str) -> None:
    assert checked_url(url, "issuer") == url


@pytest.mark.parametrize("url", ["http://id.example/", "https://id.example/?a=b", "https://id/#x", "id.example"])
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="The issuer must be an https:// URL"):
        checked_url(url, "issuer")


@pytest.mark.parametrize(
    ("scope", "sent"),
    [("openid email", "openid email"), ("email", "openid email"), ("", "openid"), (" email  openid ", "email openid")],
)
def test_openid_is_always_among_the_scopes(scope: str, sent: str) -> None:
    assert with_openid(scope) == sent


@pytest.mark.parametrize(("text", "seconds"), [(None, 30.0), ("", 30.0), ("5", 5.0), ("0.25", 0.25)])
def test_the_keyrings_time_limit_is_a_number_of_seconds(text: str | None, seconds: float) -> None:
    assert keyring_timeout({} if text is None else {"AWESOME_KEYRING_TIMEOUT": text}, AWESOME) == seconds


@pytest.mark.parametrize("text", ["0", "-1", "soon", "1e3", "inf", "nan", "123456", "\u0663"])
def test_any_other_time_limit_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="AWESOME_KEYRING_TIMEOUT is no number of seconds"):
        keyring_timeout({"AWESOME_KEYRING_TIMEOUT": text}, AWESOME)


def test_a_file_that_is_absent_has_no_profiles(path: Path) -> None:
    assert ConfigFile.read(path).names == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[profiles.work\n", "line 1"),
        ("profiles = 1\n", r"profiles must be tables, written as \[profiles.NAME\]"),
        ("[profiles]\nwork = 1\n", "profiles must be tables"),
        ('\n[profiles."a b"]\n', "line 2: 'a b' is no name for a profile"),
        ('a = "\ud7ff\\ud800"', "cannot be used"),
        ("a = " + "[" * 5000, "cannot be used"),
    ],
)
def test_a_broken_file_is_named_with_its_line(path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        read(path, text)
    assert str(path) in caught.value.message


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be used"):
        ConfigFile.read(path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("pkce = 1", "pkce must be true or false"),
        ("client_id = 7", "client_id must be a text"),
        ('token_endpoint = "http://id.example/token"', "token_endpoint must be an https:// URL"),
        ("issuer = false", "issuer must be an https:// URL"),
    ],
)
def test_a_setting_that_is_unusable_is_named_with_its_line(path: Path, line: str, complaint: str) -> None:
    config = read(path, f"[profiles.other]\n{line}\n\n[profiles.work]\n# mine\n{line}\n")
    with pytest.raises(ConfigError, match=f"line 6: {complaint}"):
        config.profile("work")


def test_a_setting_that_is_empty_counts_as_absent(path: Path) -> None:
    assert read(path, '[profiles.work]\njwks_uri = ""\nclient_id = ""\n').profile("work") == {}


def test_what_awesome_does_not_know_is_left_alone_and_can_be_told(path: Path) -> None:
    config = read(path, '[profile.home]\n[profiles.work]\nclientid = "a"\nclient_id = "b"\n')
    assert config.profile("work")["client_id"] == "b"
    assert config.unknown == {"clientid", "profile"}
    assert read(path, '[profiles.work]\nclient_id = "b"\n').unknown == set()


def test_saving_keeps_comments_and_order(path: Path) -> None:
    read(path, FILE).save("work", {"client_id": "new", "audience": "https://api/", "scope": None})
    assert path.read_text("utf-8") == FILE.replace('"filed"', '"new"') + 'audience = "https://api/"\n'


def test_saving_makes_a_private_file_with_a_table_for_the_profile(path: Path) -> None:
    ConfigFile.read(path).save("work", {"domain": "a.auth0.com", "client_id": "b"})
    assert path.read_text("utf-8") == '[profiles.work]\ndomain = "a.auth0.com"\nclient_id = "b"\n'
    assert path.stat().st_mode & 0o777 == 0o600


def test_saving_keeps_the_line_ends_of_windows(path: Path) -> None:
    path.write_bytes(b'# mine\r\n[profiles.work]\r\nscope = "openid"  # why\r\naudience = "a"\r\n')
    ConfigFile.read(path).save("work", {"scope": "openid email"})
    assert path.read_bytes() == b'# mine\r\n[profiles.work]\r\nscope = "openid email"  # why\r\naudience = "a"\r\n'
    ConfigFile.read(path).save("work", {"issuer": "https://issuer.example/"})
    assert ConfigFile.read(path).profile("work") == {
        "scope": "openid email",
        "audience": "a",
        "issuer": "https://issuer.example/",
    }


def test_an_issuer_replaces_the_domain_that_was_saved(path: Path) -> None:
    read(path, FILE).save("work", {"issuer": "https://id.example/"})
    assert weigh(path, text=path.read_text("utf-8")).issuer == "https://id.example/"
    assert "domain" not in path.read_text("utf-8")


def test_what_is_so_already_is_not_written_again(path: Path) -> None:
    config = read(path, FILE)
    before = path.stat().st_ino  # a replacement is another file
    config.save("work", {"client_id": "filed", "audience": None})
    assert path.stat().st_ino == before


def test_saving_keeps_what_others_wrote_meanwhile(path: Path) -> None:
    config = read(path, FILE)
    ConfigFile.read(path).save("home", {"client_id": "theirs"})
    config.save("work", {"client_id": "ours"})
    after = ConfigFile.read(path)
    assert (after.profile("home")["client_id"], after.profile("work")["client_id"]) == ("theirs", "ours")


def test_changes_are_made_by_one_process_at_a_time(path: Path) -> None:
    deferred = []

    @contextmanager
    def lock() -> Iterator[None]:
        deferred.append(path.exists())
        yield
        deferred.append(path.exists())

    ConfigFile.read(path, lock).save("work", {"client_id": "a"})
    assert deferred == [False, True]


def test_removing_forgets_one_profile(path: Path) -> None:
    text = f'{FILE}\n[other]\na = 1\n\n[profiles.home]\nclient_id = "b"\n'
    config = read(path, text)
    config.remove("work")
    config.remove("nobody")
    after = ConfigFile.read(path)
    assert after.names == ["home"]
    assert "[other]\na = 1" in after.text


def test_removing_what_somebody_else_removed_meanwhile_is_no_error(path: Path) -> None:
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
def test_a_file_that_can_be_read_and_not_changed_stays_as_it_is(path: Path, text: str) -> None:
    config = read(path, text)
    with pytest.raises(ConfigError) as refused:
        config.save("work", {"domain": "a.auth0.com"})
    assert refused.value.message == f"{path} is written in a way that cannot be changed here."
    assert path.read_text("utf-8") == text

"""Settings of a profile: precedence of sources, validation, and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from awesome_cli.errors import ConfigError, UsageError
from awesome_cli.settings.profile import (
    Profile,
    checked_url,
    issuer_of,
    keyring_timeout,
    profile_name,
    require_distinct,
    resolve,
    session_requirements,
    with_openid,
)
from support.brand import AWESOME
from support.config_file import FILE, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from awesome_cli.settings.profile import Settings


def resolve_work(
    path: Path, *, flags: Settings | None = None, environ: Mapping[str, str] | None = None, text: str = FILE
) -> Profile:
    return resolve(
        "work", flags=flags or {}, environ=environ or {}, table=read(path, text).profile("work"), brand=AWESOME
    )


@pytest.mark.parametrize("name", ["a", "work", "Work-2.eu_west", "." * 64, "-q"])
def test_a_valid_profile_name(name: str) -> None:
    assert profile_name(name, {}, AWESOME) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a\n", "ä", "a" * 65, "a:b", "\u0661"])
def test_an_invalid_profile_name(name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid profile name"):
        profile_name(name, {}, AWESOME)


def test_the_profile_name_comes_from_the_flag_or_the_variable_or_the_default() -> None:
    assert profile_name("flag", {"AWESOME_PROFILE": "variable"}, AWESOME) == "flag"
    assert profile_name(None, {"AWESOME_PROFILE": "variable"}, AWESOME) == "variable"
    assert profile_name(None, {"AWESOME_PROFILE": ""}, AWESOME) == "default"
    assert profile_name(None, {}, AWESOME) == "default"


SOURCES: list[tuple[str, Settings, dict[str, str]]] = [
    ("flag", {"client_id": "flag"}, {}),
    ("AWESOME_CLIENT_ID", {}, {"AWESOME_CLIENT_ID": "ours"}),
    ("AUTH0_CLIENT_ID", {}, {"AUTH0_CLIENT_ID": "other"}),
    ("config.toml", {}, {}),
]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_the_source_with_the_highest_precedence_is_used(path: Path, first: int) -> None:
    flags: dict[str, str | None] = {}
    environ: dict[str, str] = {}
    for _, flag, variables in SOURCES[first:]:
        flags |= flag
        environ |= variables
    profile = resolve_work(path, flags=flags, environ=environ)
    source, flag, variables = SOURCES[first]
    assert profile.sources["client_id"] == source
    assert profile.client_id == next(iter([*flag.values(), *variables.values(), "from file"]))


def test_a_setting_without_source_has_its_default(path: Path) -> None:
    profile = resolve_work(path, text="")
    assert profile.settings == {
        "issuer": None,
        "client_id": None,
        "audience": None,
        "scope": "openid profile email offline_access",
        "api_url": None,
        "resource": False,
        "pkce": False,
        "flow": "device",
        "redirect_uri": None,
    }
    assert profile.sources == {"scope": "default", "resource": "default", "pkce": "default", "flow": "default"}


def test_an_empty_variable_counts_as_absent(path: Path) -> None:
    assert resolve_work(path, environ={"AWESOME_CLIENT_ID": "", "AWESOME_ISSUER": ""}).client_id == "from file"


def test_a_domain_sets_the_issuer(path: Path) -> None:
    profile = resolve_work(path)
    assert (profile.issuer, profile.sources["issuer"]) == ("https://work.eu.auth0.com/", "config.toml")


def test_an_issuer_overrides_a_domain_of_the_same_source(path: Path) -> None:
    environ = {"AWESOME_DOMAIN": "other.auth0.com", "AWESOME_ISSUER": "https://id.example/realm"}
    profile = resolve_work(path, environ=environ)
    assert (profile.issuer, profile.sources["issuer"]) == ("https://id.example/realm", "AWESOME_ISSUER")


def test_a_domain_overrides_an_issuer_of_lower_precedence(path: Path) -> None:
    profile = resolve_work(
        path, environ={"AUTH0_DOMAIN": "other.auth0.com"}, text='[profiles.work]\nissuer = "https://id/"'
    )
    assert (profile.issuer, profile.sources["issuer"]) == ("https://other.auth0.com/", "AUTH0_DOMAIN")


def test_a_profile_has_the_switches_and_endpoints_of_its_table(path: Path) -> None:
    text = """
[profiles.work]
audience = "https://api.example/"
resource = true
pkce = true
jwks_uri = "https://id.example/keys"
"""
    profile = resolve_work(path, text=text)
    assert profile.settings["resource"] is True
    assert profile.settings["pkce"] is True
    assert profile.settings["jwks_uri"] == "https://id.example/keys"
    assert profile.sources["pkce"] == profile.sources["jwks_uri"] == "config.toml"


def test_only_variables_with_the_programs_own_prefix_are_session_requirements() -> None:
    environ = {"AUTH0_CLIENT_ID": "other", "AWESOME_DOMAIN": "other.auth0.com"}
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
def test_an_invalid_domain(domain: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid domain"):
        issuer_of(domain)


@pytest.mark.parametrize("url", ["https://id.example/realm", "http://127.0.0.1:8765/", "http://localhost/x"])
def test_a_valid_url_is_unchanged(url: str) -> None:
    assert checked_url(url, "issuer") == url


@pytest.mark.parametrize("url", ["http://id.example/", "https://id.example/?a=b", "https://id/#x", "id.example"])
def test_an_invalid_url(url: str) -> None:
    with pytest.raises(ConfigError, match="The issuer must be an https:// URL"):
        checked_url(url, "issuer")


@pytest.mark.parametrize(
    ("scope", "sent"),
    [("openid email", "openid email"), ("email", "openid email"), ("", "openid"), (" email  openid ", "email openid")],
)
def test_openid_is_added_to_the_scopes(scope: str, sent: str) -> None:
    assert with_openid(scope) == sent


@pytest.mark.parametrize(("text", "seconds"), [(None, 30.0), ("", 30.0), ("5", 5.0), ("0.25", 0.25)])
def test_a_valid_keyring_timeout(text: str | None, seconds: float) -> None:
    assert keyring_timeout({} if text is None else {"AWESOME_KEYRING_TIMEOUT": text}, AWESOME) == seconds


@pytest.mark.parametrize("text", ["0", "-1", "soon", "1e3", "inf", "nan", "123456", "\u0663"])
def test_an_invalid_keyring_timeout(text: str) -> None:
    with pytest.raises(ConfigError, match="AWESOME_KEYRING_TIMEOUT is not a valid number of seconds"):
        keyring_timeout({"AWESOME_KEYRING_TIMEOUT": text}, AWESOME)


def test_a_name_that_differs_from_another_only_in_case_is_refused() -> None:
    require_distinct("Work", ["Work", "home"])
    require_distinct("new", ["Work", "home"])
    with pytest.raises(UsageError, match="There is a profile Work, whose name differs from WORK only in case"):
        require_distinct("WORK", ["Work", "home"])


def test_a_value_with_invalid_bytes_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="The client id is not valid text"):
        resolve_work(path, environ={"AWESOME_CLIENT_ID": "\udcff"})

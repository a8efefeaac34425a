"""Session and User: display names, and what a renewal changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.cli.format import user_fields
from awesome_cli.oauth.id_token import IdToken
from awesome_cli.oauth.token import TokenResponse
from awesome_cli.sessions.model import Session, lacks_names, new_session, renewed_session, unverified_session
from awesome_cli.sessions.user import User

NOW = 1_800_000_000.0
CLAIMS = {"iss": "https://provider.example/", "sub": "juan|1", "aud": "client"}


def id_token(**claims: Any) -> IdToken:  # noqa: ANN401 - whatever a token may claim
    return IdToken("a.b.c", {**CLAIMS, **claims})


def opened(
    claims: dict[str, Any] | None = None,
    userinfo: dict[str, Any] | None = None,
    **tokens: Any,  # noqa: ANN401
) -> Session:
    return new_session(
        TokenResponse(**{"access_token": "access", "expires_in": 3600.0, "refresh_token": "refresh", **tokens}),
        id_token(**(claims or {})),
        userinfo or {},
        client_id="client",
        scope="openid profile",
        audience=None,
        provider_digest="digest",
        now=NOW,
    )


def renewed(old: Session, before: dict[str, Any], after: dict[str, Any] | None, **tokens: Any) -> Session:  # noqa: ANN401
    return renewed_session(
        old,
        TokenResponse(**{"access_token": "access 2", "expires_in": 60.0, **tokens}),
        old_id_token=id_token(**before),
        new_id_token=None if after is None else replace(id_token(**after), encoded="d.e.f"),
        provider_digest="digest 2",
        now=NOW + 3600,
    )


def test_a_sign_in_opens_a_session() -> None:
    session = opened({"name": "Juan", "email": "juan@example.com"}, scope="openid")
    assert session.user == User(
        issuer="https://provider.example/",
        client_id="client",
        sub="juan|1",
        name="Juan",
        email="juan@example.com",
        scope="openid",
        audience=None,
        signed_in_at=NOW,
        expires_at=NOW + 3600,
        refreshable=True,
        requested_scope="openid profile",
    )
    assert (session.access_token, session.refresh_token, session.id_token) == ("access", "refresh", "a.b.c")


def test_the_repr_of_a_session_has_no_tokens() -> None:
    session = opened(access_token="secret 1", refresh_token="secret 2")
    assert "secret" not in repr(session)
    assert "a.b.c" not in repr(session)


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Juan", "nickname": "jj", "preferred_username": "j", "email": "j@example.com"}, "Juan"),
        ({"nickname": "jj", "preferred_username": "j", "email": "j@example.com"}, "jj"),
        ({"preferred_username": "j", "email": "j@example.com"}, "j"),
        ({"email": "j@example.com"}, "j@example.com"),
        ({}, "juan|1"),
        ({"name": ""}, "juan|1"),
        ({"name": "  ", "nickname": "jj"}, "jj"),
        ({"name": "\u200b\u202e", "nickname": "jj"}, "jj"),
        ({"name": None, "nickname": 7, "preferred_username": ["j"], "email": {}}, "juan|1"),
        ({"name": "Ju\x1b[2Jan\n"}, "Ju[2Jan"),
        ({"name": "x" * 300}, "x" * 255 + "…"),
        ({"sub": "\x1b\x00"}, "'\\x1b\\x00'"),
    ],
)
def test_the_display_name_is_the_first_claim_that_can_be_shown(claims: dict[str, Any], name: str) -> None:
    assert opened(claims).user.name == name


def test_the_subject_is_unchanged_in_json() -> None:
    for sub in ("admin\x1b[2J ", "\x1b\x00", "x" * 255):
        user = opened({"sub": sub}).user
        assert user.sub == sub
        assert user_fields(user, profile="default", store="memory")["sub"] == sub


@pytest.mark.parametrize("nothing", [{}, {"name": ""}, {"name": None}, {"name": 7}, {"name": "\u200b"}])
def test_userinfo_adds_claims_that_the_id_token_lacks(nothing: dict[str, Any]) -> None:
    user = opened(nothing, {"name": "Juan", "email": "juan@example.com", "iss": "https://evil.example/"}).user
    assert (user.name, user.email, user.issuer) == ("Juan", "juan@example.com", "https://provider.example/")


def test_userinfo_does_not_override_the_id_token() -> None:
    user = opened({"name": "Juan", "email": "juan@example.com"}, {"name": "Admin", "email": "admin@example.com"}).user
    assert (user.name, user.email) == ("Juan", "juan@example.com")


@pytest.mark.parametrize(
    ("claims", "lacks"),
    [
        ({}, True),
        ({"nickname": "jj", "preferred_username": "j"}, True),
        ({"name": "", "email": None}, True),
        ({"name": "Juan"}, False),
        ({"email": "juan@example.com"}, False),
    ],
)
def test_userinfo_is_needed_if_the_id_token_has_no_name_and_no_email(
    claims: dict[str, Any],
    lacks: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert lacks_names(claims) is lacks


def test_the_scope_is_the_requested_one_unless_the_response_names_another() -> None:
    assert opened().user.scope == "openid profile"
    assert opened(scope="openid\x1b[2J").user.scope == "openid[2J"


def test_a_renewal_changes_tokens_and_expiry_only() -> None:
    old = opened({"name": "Juan"})
    new = renewed(old, {"name": "Juan"}, None)
    assert new.user == old.user._replace(expires_at=NOW + 3660)
    assert (new.access_token, new.refresh_token, new.id_token) == ("access 2", "refresh", "a.b.c")
    assert new.provider_digest == "digest 2"


def test_a_renewal_takes_a_new_refresh_token_and_scope() -> None:
    new = renewed(opened(), {}, None, refresh_token="refresh 2", scope="openid")
    assert (new.refresh_token, new.user.scope, new.user.refreshable) == ("refresh 2", "openid", True)


def test_a_renewal_without_any_refresh_token_is_not_refreshable() -> None:
    new = renewed(opened(refresh_token=None), {}, None)
    assert (new.refresh_token, new.user.refreshable) == (None, False)


@pytest.mark.parametrize(
    ("before", "userinfo", "after", "name", "email"),
    [
        pytest.param({"name": "A", "email": "a@x"}, {}, {}, "A", "a@x", id="absent claims are unchanged"),
        pytest.param({"name": "A"}, {}, {"name": ""}, "A", None, id="an empty name counts as absent"),
        pytest.param({"name": "A"}, {}, {"name": "B"}, "B", None, id="a new name"),
        pytest.param({"email": "a@x"}, {}, {"email": "b@x"}, "b@x", "b@x", id="a new email"),
        pytest.param({"nickname": "a"}, {}, {"nickname": "b"}, "b", None, id="a new nickname"),
        pytest.param({}, {"name": "U", "email": "u@x"}, {}, "U", "u@x", id="claims from userinfo are unchanged"),
        pytest.param(
            {}, {"name": "U"}, {"nickname": "b"}, "U", None, id="a nickname does not override userinfo's name"
        ),
        pytest.param({}, {"name": "U"}, {"name": "B"}, "B", None, id="a name overrides userinfo's name"),
        pytest.param({}, {}, {"email": "b@x"}, "b@x", "b@x", id="a name replaces the subject"),
        pytest.param({"name": "A"}, {}, None, "A", None, id="no ID token changes nothing"),
    ],
)
def test_the_display_name_after_a_renewal(
    before: dict[str, Any], userinfo: dict[str, Any], after: dict[str, Any] | None, name: str, email: str | None
) -> None:
    user = renewed(opened(before, userinfo), before, after).user
    assert (user.name, user.email) == (name, email)


def test_the_display_name_is_unchanged_by_two_renewals_without_names() -> None:
    once = renewed(opened({"name": "A", "email": "a@x"}), {"name": "A", "email": "a@x"}, {})
    assert renewed(once, {}, {}).user.name == "A"
    assert renewed(once, {}, {"name": "B"}).user.name == "B"


TEXT_SETTINGS = st.dictionaries(
    st.sampled_from(["name", "nickname", "preferred_username", "email"]), st.text() | st.none() | st.integers()
)


@given(TEXT_SETTINGS, TEXT_SETTINGS, TEXT_SETTINGS)
def test_the_display_name_is_always_one_safe_line(
    before: dict[str, Any], userinfo: dict[str, Any], after: dict[str, Any]
) -> None:
    old = opened(before, userinfo)
    for user in (old.user, renewed(old, before, after).user):
        assert user.name
        assert len(user.name) <= 256
        assert not set(user.name) & set("\n\r\x1b\x00\u202e\u200b")
        assert user.email is None or user.email


def test_an_unverified_session_has_the_new_refresh_token_and_counts_as_expired() -> None:
    old = opened()
    session = unverified_session(old, "refresh 2")
    assert session == replace(old, refresh_token="refresh 2", user=old.user._replace(expires_at=NOW))
    assert not session.user.is_valid(NOW)


def test_an_unverified_session_has_the_old_refresh_token_if_there_is_no_new_one() -> None:
    assert unverified_session(opened(), None).refresh_token == "refresh"

"""Sessions: who is greeted, what a renewal changes, and the one rule that keeps a session alive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.brand import AWESOME
from awesome_cli.cli import format as identity
from awesome_cli.errors import (
    InvalidTokenError,
    KeyringError,
    LoginRequiredError,
    ProviderUnreachableError,
    RefreshTokenRejectedError,
)
from awesome_cli.hints import hint_for
from awesome_cli.oauth.id_token import IdToken
from awesome_cli.oauth.token import TokenResponse
from awesome_cli.sessions.model import (
    RenewalUnverifiedError,
    Session,
    User,
    lacks_names,
    open_session,
    renew_if_needed,
    renewed_session,
    unverified_session,
)

NOW = 1_800_000_000.0
CLAIMS = {"iss": "https://provider.example/", "sub": "juan|1", "aud": "client"}


def id_token(**claims: Any) -> IdToken:  # noqa: ANN401 - whatever a token may claim
    return IdToken("a.b.c", {**CLAIMS, **claims})


def opened(
    claims: dict[str, Any] | None = None,
    userinfo: dict[str, Any] | None = None,
    **tokens: Any,  # noqa: ANN401
) -> Session:
    return open_session(
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


def test_a_sign_in_makes_a_session() -> None:
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
    )
    assert (session.access_token, session.refresh_token, session.id_token) == ("access", "refresh", "a.b.c")


def test_a_session_does_not_show_its_tokens() -> None:
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
def test_people_are_greeted_by_the_first_name_that_can_be_shown(claims: dict[str, Any], name: str) -> None:
    assert opened(claims).user.name == name


def test_programs_get_the_subject_as_it_is_and_people_what_can_be_shown_of_it() -> None:
    for sub, shown in (("admin\x1b[2J ", "admin[2J"), ("\x1b\x00", "'\\x1b\\x00'"), ("x" * 255, "x" * 255)):
        user = opened({"sub": sub}).user
        assert (user.sub, user.safe_sub) == (sub, shown)
        assert identity.fields(user, profile="default", store="memory")["sub"] == sub
        assert f"subject:      {shown}" in "\n".join(identity.lines(user, profile="default", store="memory", now=0.0))


@pytest.mark.parametrize("nothing", [{}, {"name": ""}, {"name": None}, {"name": 7}, {"name": "\u200b"}])
def test_userinfo_fills_in_what_the_id_token_lacks(nothing: dict[str, Any]) -> None:
    user = opened(nothing, {"name": "Juan", "email": "juan@example.com", "iss": "https://evil.example/"}).user
    assert (user.name, user.email, user.issuer) == ("Juan", "juan@example.com", "https://provider.example/")


def test_userinfo_does_not_overrule_the_id_token() -> None:
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
def test_userinfo_is_asked_only_if_neither_name_nor_email_came(claims: dict[str, Any], lacks: bool) -> None:  # noqa: FBT001
    assert lacks_names(claims) is lacks


def test_the_scope_that_was_asked_for_stands_unless_another_was_granted() -> None:
    assert opened().user.scope == "openid profile"
    assert opened(scope="openid\x1b[2J").user.scope == "openid[2J"


def test_a_renewal_replaces_tokens_and_times_and_leaves_the_rest() -> None:
    old = opened({"name": "Juan"})
    new = renewed(old, {"name": "Juan"}, None)
    assert new.user == replace(old.user, expires_at=NOW + 3660)
    assert (new.access_token, new.refresh_token, new.id_token) == ("access 2", "refresh", "a.b.c")
    assert new.provider_digest == "digest 2"


def test_a_rotated_refresh_token_and_a_narrowed_scope_are_taken() -> None:
    new = renewed(opened(), {}, None, refresh_token="refresh 2", scope="openid")
    assert (new.refresh_token, new.user.scope, new.user.refreshable) == ("refresh 2", "openid", True)


def test_a_session_without_refresh_token_stays_without() -> None:
    new = renewed(opened(refresh_token=None), {}, None)
    assert (new.refresh_token, new.user.refreshable) == (None, False)


@pytest.mark.parametrize(
    ("before", "userinfo", "after", "name", "email"),
    [
        pytest.param({"name": "A", "email": "a@x"}, {}, {}, "A", "a@x", id="claims that it lacks are kept"),
        pytest.param({"name": "A"}, {}, {"name": ""}, "A", None, id="an empty name is none"),
        pytest.param({"name": "A"}, {}, {"name": "B"}, "B", None, id="a change of name is followed"),
        pytest.param({"email": "a@x"}, {}, {"email": "b@x"}, "b@x", "b@x", id="a change of email is followed"),
        pytest.param({"nickname": "a"}, {}, {"nickname": "b"}, "b", None, id="a change of nickname is followed"),
        pytest.param({}, {"name": "U", "email": "u@x"}, {}, "U", "u@x", id="what userinfo said is kept"),
        pytest.param(
            {}, {"name": "U"}, {"nickname": "b"}, "U", None, id="a nickname does not overrule userinfo's name"
        ),
        pytest.param({}, {"name": "U"}, {"name": "B"}, "B", None, id="a name does"),
        pytest.param({}, {}, {"email": "b@x"}, "b@x", "b@x", id="a first name replaces the subject"),
        pytest.param({"name": "A"}, {}, None, "A", None, id="no ID token changes nothing"),
    ],
)
def test_names_after_a_renewal(
    before: dict[str, Any], userinfo: dict[str, Any], after: dict[str, Any] | None, name: str, email: str | None
) -> None:
    user = renewed(opened(before, userinfo), before, after).user
    assert (user.name, user.email) == (name, email)


def test_names_survive_two_renewals_without_them() -> None:
    once = renewed(opened({"name": "A", "email": "a@x"}), {"name": "A", "email": "a@x"}, {})
    assert renewed(once, {}, {}).user.name == "A"
    assert renewed(once, {}, {"name": "B"}).user.name == "B"


TEXTS = st.dictionaries(
    st.sampled_from(["name", "nickname", "preferred_username", "email"]), st.text() | st.none() | st.integers()
)


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_is_claimed_somebody_is_greeted_in_one_safe_line(
    before: dict[str, Any], userinfo: dict[str, Any], after: dict[str, Any]
) -> None:
    old = opened(before, userinfo)
    for user in (old.user, renewed(old, before, after).user):
        assert user.name
        assert len(user.name) <= 256
        assert not set(user.name) & set("\n\r\x1b\x00\u202e\u200b")
        assert user.email is None or user.email


class Store:
    """Keeps a session in memory, and what was done with it."""

    def __init__(self, kept: Session | None) -> None:
        self.kept = kept
        self.done: list[str] = []

    def load(self) -> Session | None:
        self.done.append("load")
        return self.kept

    def save(self, session: Session) -> None:
        self.done.append("save")
        self.kept = session

    def delete(self) -> None:
        self.done.append("delete")
        self.kept = None

    def load_user(self) -> User | None:
        return None if self.kept is None else self.kept.user

    def check_writable(self) -> None:
        self.done.append("prove")

    def undo_check(self) -> None:
        self.done.append("withdraw")

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.done.append("lock")
        yield
        self.done.append("release")


OLD = opened({"name": "Juan"})
NEW = replace(OLD, access_token="access 2", user=replace(OLD.user, expires_at=NOW + 9999))
END = OLD.user.expires_at


def keep_alive(
    store: Store,
    *,
    session: Session = OLD,
    now: float = END,
    min_ttl: float = 0.0,
    brings: Session | BaseException = NEW,
) -> Session:
    def renew(old: Session) -> Session:
        store.done.append(f"renew {old.access_token}")
        if isinstance(brings, BaseException):
            raise brings
        return brings

    return renew_if_needed(
        session,
        store=lambda: store,
        lock=store.lock,
        refresh=renew,
        discard=lambda session: store.done.append(f"discard {session.access_token}"),
        now=lambda: now,
        min_ttl=min_ttl,
    )


def test_a_living_session_costs_nothing() -> None:
    store = Store(OLD)
    assert keep_alive(store, now=END - 1) is OLD
    assert store.done == []


@pytest.mark.parametrize(
    ("left", "min_ttl", "renewed"), [(61, 60, False), (60, 60, True), (0.5, 0, False), (0, 0, True)]
)
def test_a_session_is_renewed_when_it_does_not_live_longer_than_is_asked(
    left: float,
    min_ttl: float,
    renewed: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert (keep_alive(Store(OLD), now=END - left, min_ttl=min_ttl) is NEW) is renewed


def test_a_renewal_locks_reads_again_asks_keeps_and_releases() -> None:
    store = Store(OLD)
    assert keep_alive(store) is NEW
    assert store.done == ["lock", "load", "prove", "renew access", "save", "release"]
    assert store.kept is NEW


def test_what_a_sibling_renewed_counts_as_renewed_however_long_it_lives() -> None:
    for sibling in (
        NEW,
        replace(NEW, user=replace(NEW.user, expires_at=END)),
        replace(OLD, user=replace(OLD.user, expires_at=NOW + 9999)),  # the provider gave the same token again
    ):
        store = Store(sibling)
        assert keep_alive(store, min_ttl=60) is sibling
        assert store.done == ["lock", "load", "release"]


@pytest.mark.parametrize("other", [{"issuer": "https://other.example/"}, {"client_id": "other"}, {"sub": "eve"}])
def test_the_session_of_somebody_else_that_took_its_place_is_no_successor(other: dict[str, Any]) -> None:
    store = Store(replace(NEW, user=replace(NEW.user, **other)))
    with pytest.raises(LoginRequiredError, match="Another session"):
        keep_alive(store)
    assert store.done == ["lock", "load"]


def test_a_successor_that_comes_after_a_sign_out_is_discarded() -> None:
    class SignedOut(Store):
        def load_user(self) -> None:
            return None

    store = SignedOut(OLD)
    with pytest.raises(LoginRequiredError, match="signed out meanwhile"):
        keep_alive(store)
    assert store.done == ["lock", "load", "prove", "renew access", "discard access 2"]
    assert store.kept is OLD


def test_a_fresh_session_that_lives_for_less_than_is_asked_is_good_enough() -> None:
    short = replace(NEW, user=replace(NEW.user, expires_at=END + 5))
    assert keep_alive(Store(OLD), min_ttl=60, brings=short) is short


def test_a_session_that_a_sibling_ended_is_not_brought_back() -> None:
    store = Store(None)
    with pytest.raises(LoginRequiredError, match="signed out meanwhile"):
        keep_alive(store)
    assert store.done == ["lock", "load"]
    assert store.kept is None


def test_a_dead_refresh_token_ends_the_session() -> None:
    store = Store(OLD)
    with pytest.raises(RefreshTokenRejectedError) as ended:
        keep_alive(store, brings=RefreshTokenRejectedError("dead"))
    assert ended.value.exit_code == 4
    assert store.done == ["lock", "load", "prove", "renew access", "load", "delete"]


def test_a_refresh_token_that_a_sibling_burnt_without_our_lock_leaves_its_session() -> None:
    class Racing(Store):
        def load(self) -> Session | None:
            found = super().load()
            self.kept = NEW  # between our two looks
            return found

    store = Racing(OLD)
    assert keep_alive(store, brings=RefreshTokenRejectedError("burnt")) is NEW
    assert "delete" not in store.done


def test_a_session_that_was_signed_out_while_its_refresh_token_died_is_gone() -> None:
    class Leaving(Store):
        def load(self) -> Session | None:
            found = super().load()
            self.kept = None
            return found

    with pytest.raises(RefreshTokenRejectedError):
        keep_alive(Leaving(OLD), brings=RefreshTokenRejectedError("dead"))


@pytest.mark.parametrize("trouble", [ProviderUnreachableError("down"), InvalidTokenError("bad"), KeyboardInterrupt()])
def test_any_other_trouble_leaves_the_session_as_it_was(trouble: BaseException) -> None:
    store = Store(OLD)
    with pytest.raises(type(trouble)):
        keep_alive(store, brings=trouble)
    assert store.kept is OLD
    assert store.done == ["lock", "load", "prove", "renew access", "withdraw"]


def test_a_store_that_fails_while_a_rehearsal_is_withdrawn_hides_no_trouble() -> None:
    class Failing(Store):
        def undo_check(self) -> None:
            raise KeyringError("gone")

    with pytest.raises(ProviderUnreachableError):
        keep_alive(Failing(OLD), brings=ProviderUnreachableError("down"))


UNVERIFIED = unverified_session(OLD, "refresh 2")


def test_tokens_that_cannot_be_verified_leave_their_refresh_token_and_nothing_else() -> None:
    reason = InvalidTokenError("the clock is wrong")
    store = Store(OLD)
    with pytest.raises(InvalidTokenError, match="clock"):
        keep_alive(store, brings=RenewalUnverifiedError(UNVERIFIED, reason))
    assert store.kept == replace(OLD, refresh_token="refresh 2", user=replace(OLD.user, expires_at=NOW))
    assert not UNVERIFIED.user.is_valid(NOW)


def test_a_provider_that_does_not_rotate_leaves_the_refresh_token() -> None:
    assert unverified_session(OLD, None).refresh_token == "refresh"


def test_a_session_that_only_got_a_refresh_token_is_renewed_with_it() -> None:
    renewed_with: list[str | None] = []

    def renew(session: Session) -> Session:
        renewed_with.append(session.refresh_token)
        return NEW

    store = Store(UNVERIFIED)
    found = renew_if_needed(OLD, store=lambda: store, lock=store.lock, refresh=renew, discard=print, now=lambda: END)
    assert (found, renewed_with) == (NEW, ["refresh 2"])


def test_a_session_that_cannot_be_renewed_serves_while_it_lives() -> None:
    mortal = opened(refresh_token=None)
    store = Store(mortal)
    assert keep_alive(store, session=mortal, now=END - 5, min_ttl=60) is mortal
    with pytest.raises(LoginRequiredError, match="no refresh token") as ended:
        keep_alive(store, session=mortal)
    assert "offline_access" in hint_for(ended.value, AWESOME)
    assert store.done == []

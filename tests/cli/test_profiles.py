"""``awesome profiles``, and the settings that ``login`` prompts for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli import awesome
from awesome_cli.settings.config_file import ConfigFile
from awesome_cli.testing.hostile import Respond
from awesome_cli.testing.keyring import MemoryKeyring
from support.requirements import POSIX

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.terminal import Terminal


class CountingKeyring(MemoryKeyring):
    """Records the entries that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.read.append(service)
        return super().get_password(service, username)


class FailingKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(service, username)


def config(terminal: Terminal) -> Path:
    return terminal.environment.config_dir / "config.toml"


def configure(terminal: Terminal, text: str) -> None:
    config(terminal).parent.mkdir(exist_ok=True)
    config(terminal).write_text(text, encoding="utf-8")


def rows(terminal: Terminal) -> list[list[str]]:
    return [line.split() for line in terminal.out.splitlines()]


def test_without_any_profile_the_list_is_empty_and_stderr_suggests_a_login(terminal: Terminal) -> None:
    assert terminal.run("profiles") == 0
    assert terminal.out == ""
    assert terminal.err == "There are no profiles yet. Sign in with: awesome login\n"
    assert terminal.run("profiles", "--json") == 0
    assert terminal.json == []


def test_profiles_lists_user_issuer_and_token_expiry(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    configure(terminal, '[profiles.home]\ndomain = "home.auth0.com"\n')
    assert terminal.run("profiles", AWESOME_PROFILE="home") == 0
    heading, home, work = terminal.out.splitlines()
    assert heading.split() == ["PROFILE", "WHO", "WHERE", "TOKEN"]
    assert home.split() == ["*", "home", "(not", "signed", "in)", "home.auth0.com"]
    assert work.split()[:3] == ["work", "Juan", "provider.example"]
    assert work.endswith("60 minutes left, renewed when needed")
    assert terminal.paths == []


def test_the_columns_of_the_profile_list_are_aligned(terminal: Terminal) -> None:
    for name in ("a", "a-longer-name"):
        terminal.login("--profile", name)
    terminal.run("profiles")
    heading, *lines = terminal.out.splitlines()
    assert {line.index("Juan") for line in lines} == {heading.index("WHO")}
    assert {line.index("provider.") for line in lines} == {heading.index("WHERE")}


def test_profiles_json_lists_every_profile(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    configure(terminal, "[profiles.home]\n")
    assert terminal.run("profiles", "--json", "--profile", "home") == 0
    home, work = terminal.json
    assert home == {
        "profile": "home",
        "current": True,
        "signed_in": False,
        "name": None,
        "email": None,
        "issuer": None,
        "expires_at": None,
        "refreshable": None,
        "store": None,
        "problem": None,
    }
    assert work == {
        "profile": "work",
        "current": False,
        "signed_in": True,
        "name": "Juan",
        "email": "juan@example.com",
        "issuer": "https://provider.example/",
        "expires_at": work["expires_at"],
        "refreshable": True,
        "store": "MemoryKeyring",
        "problem": None,
    }


def test_an_expired_access_token_is_listed_as_expired_and_not_renewed(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(2 * 3600)
    assert terminal.run("profiles") == 0
    assert "expired, renewed at next use" in terminal.out
    assert terminal.paths == []


def test_listing_fifty_profiles_reads_one_keyring_entry_per_profile(terminal: Terminal) -> None:
    keyring = CountingKeyring()
    terminal.set(keyring=keyring)
    names = [f"profile-{number}" for number in range(50)]
    for name in names:
        terminal.login("--profile", name)
    keyring.read.clear()
    assert terminal.run("profiles", "--json", "--profile", names[0]) == 0
    assert len(terminal.json) == 50
    assert sorted(keyring.read) == sorted(f"awesome-cli:{name}" for name in names)


def test_a_session_that_cannot_be_read_is_listed_among_the_others(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    terminal.login("--profile", "home")
    terminal.keyring.set_password("awesome-cli:work", "awesome", "junk")
    assert terminal.run("profiles") == 0
    assert "work     (cannot be read)" in terminal.out
    assert "home     Juan" in terminal.out
    assert "Warning: You are not signed in: the stored session awesome-cli:work cannot be read." in terminal.err


def test_profiles_lists_a_session_whose_store_fails_and_exits_with_9(terminal: Terminal) -> None:
    terminal.login("--profile", "plain", "--insecure-storage")
    configure(terminal, '[profiles.work]\nclient_id = "a"\n')
    terminal.set(keyring=FailingKeyring())
    assert terminal.run("profiles", "--profile", "work") == 9
    assert "  plain    Juan" in terminal.out
    assert "* work     (cannot be read)" in terminal.out
    assert terminal.err.startswith("Error: Could not read from the keyring (RuntimeError).\nHint: ")
    assert terminal.run("profiles", "--profile", "work", "--json") == 9
    plain, work = terminal.json
    assert plain["signed_in"] is True
    assert (work["signed_in"], work["problem"]) == (None, "Could not read from the keyring (RuntimeError).")


def test_profiles_reports_invalid_settings_after_the_list(terminal: Terminal) -> None:
    terminal.login("--profile", "home")
    configure(terminal, "[profiles.work]\nclient_id = 7\n")
    assert terminal.run("profiles") == 3
    assert "home     Juan" in terminal.out
    assert "line 2: client_id must be a string" in terminal.err


def test_an_invalid_profile_name_is_a_usage_error(terminal: Terminal) -> None:
    assert terminal.run("profiles", "show", "a b") == 2
    assert terminal.run("profiles", "remove", "a" * 65) == 2
    assert terminal.run("whoami", "--profile", "ä") == 2
    assert "is not a valid profile name" in terminal.err


def test_profiles_show_prints_each_setting_with_its_source_and_the_session(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--audience", "https://api.example/")
    assert terminal.run("profiles", "show", "work") == 0
    assert rows(terminal)[:4] == [
        ["work:", "Juan"],
        ["issuer", "https://provider.example/", "(AWESOME_ISSUER)"],
        ["client_id", "test-client", "(AWESOME_CLIENT_ID)"],
        ["audience", "https://api.example/", "(config.toml)"],
    ]
    assert ["api_url", "(not", "set)"] in rows(terminal)
    assert ["pkce", "false", "(default)"] in rows(terminal)
    assert rows(terminal)[-1] == ["access", "token", "60", "minutes", "left,", "renewed", "when", "needed"]
    assert terminal.paths == []


def test_profiles_show_json_has_the_settings_and_the_session(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    assert terminal.run("profiles", "show", "work", "--json") == 0
    shown = terminal.json
    assert shown["profile"] == "work"
    assert shown["settings"]["issuer"] == {"value": "https://provider.example/", "source": "AWESOME_ISSUER"}
    assert shown["settings"]["audience"] == {"value": None, "source": None}
    terminal.run("whoami", "--profile", "work", "--json")
    assert shown["session"] == terminal.json


def test_profiles_show_reports_a_profile_without_a_session(terminal: Terminal) -> None:
    configure(terminal, '[profiles.work]\nclient_id = "\\u001b[31mred"\n')
    assert terminal.run("profiles", "show", "work", AWESOME_CLIENT_ID=None) == 0
    assert terminal.out.startswith("work: (not signed in)\n")
    assert "\033" not in terminal.out
    assert terminal.run("profiles", "show", "work", "--json") == 0
    assert terminal.json["session"] is None


def test_profiles_show_exits_with_9_if_the_store_fails(terminal: Terminal) -> None:
    configure(terminal, "[profiles.work]\n")
    terminal.set(keyring=FailingKeyring())
    assert terminal.run("profiles", "show", "work") == 9
    assert terminal.out.startswith("work: (cannot be read)\n")
    assert "Error: Could not read from the keyring" in terminal.err


@pytest.mark.parametrize("command", ["show", "remove"])
def test_profiles_show_and_remove_reject_an_unknown_profile(terminal: Terminal, command: str) -> None:
    assert terminal.run("profiles", command, "typo") == 3
    assert terminal.err == (
        "Error: There is no profile typo.\nHint: See awesome profiles; a new one: awesome login --profile typo\n"
    )


def test_profiles_show_default_prints_the_settings_of_a_first_login(terminal: Terminal) -> None:
    assert terminal.run("profiles", "show", "default") == 0
    assert "(AWESOME_ISSUER)" in terminal.out


def test_profiles_remove_revokes_the_session_and_deletes_the_settings(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--audience", "https://api.example/")
    assert terminal.run("profiles", "remove", "work") == 0
    assert terminal.paths == ["/revoke", "/revoke"]
    assert terminal.keyring.entries() == {}
    assert ConfigFile.read(config(terminal)).names == []
    assert terminal.err == "Signed out Juan (profile work).\nRemoved the profile work.\n"
    assert terminal.run("profiles", "--json") == 0
    assert terminal.json == []


def test_profiles_remove_exits_with_10_after_an_unconfirmed_revocation(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--audience", "https://api.example/")
    terminal.provider.always("/revoke", Respond(503))
    assert terminal.run("profiles", "remove", "work") == 10
    assert terminal.keyring.entries() == {}
    assert ConfigFile.read(config(terminal)).names == []
    assert "did not confirm the revocation" in terminal.err


def test_profiles_remove_keeps_the_settings_if_the_store_fails(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--client-id", "test-client")
    configure(terminal, '[profiles.work]\nclient_id = "a"\n[profiles.other]\nclient_id = "b"\n')
    terminal.set(keyring=FailingKeyring())
    assert terminal.run("profiles", "remove", "work") == 9
    assert ConfigFile.read(config(terminal)).names == ["work", "other"]
    assert terminal.run("profiles", "remove", "other") == 0  # neither store nor index knows a session of it
    assert "Warning: Could not read from the keyring" in terminal.err
    assert ConfigFile.read(config(terminal)).names == ["work"]


@POSIX
def test_profiles_remove_reports_a_config_file_that_cannot_be_written(terminal: Terminal, unwritable: Path) -> None:
    assert terminal.run("profiles", "remove", "work") == 3
    assert f"Error: {unwritable} cannot be written (File name too long), so the settings of work stay." in terminal.err


@pytest.fixture
def unwritable(terminal: Terminal) -> Path:
    """Return a config file that not even root can replace: the name of a temporary file beside it would be too long."""
    real = terminal.environment.config_dir / ("x" * 250)
    configure(terminal, "")
    config(terminal).unlink()
    real.write_text("[profiles.work]\n", encoding="utf-8")
    config(terminal).symlink_to(real)
    return config(terminal)


QUESTION = "Domain (or the issuer URL of another provider): "
NOTHING: dict[str, Any] = {"AWESOME_ISSUER": None, "AWESOME_CLIENT_ID": None}


def test_login_prompts_for_missing_settings_and_saves_the_answers(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    answers = f"{terminal.issuer.url}\n{terminal.issuer.client_id}\n"
    assert terminal.run("login", stdin=answers, **NOTHING) == 0
    assert f"YOUR APP > Settings.\n{QUESTION}Client ID: Signing in at provider.example" in terminal.err
    assert ConfigFile.read(config(terminal)).profile("default") == {
        "issuer": terminal.issuer.url,
        "client_id": terminal.issuer.client_id,
    }
    terminal.interactive = False
    assert terminal.run("login", "--force", **NOTHING) == 0


def test_an_answer_without_a_scheme_is_saved_as_a_domain(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", stdin="provider.example\ntest-client\n", **NOTHING) == 0
    assert ConfigFile.read(config(terminal)).profile("default")["domain"] == "provider.example"


def test_login_does_not_prompt_for_settings_that_are_set(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", stdin="test-client\n", AWESOME_CLIENT_ID=None) == 0
    assert QUESTION not in terminal.err
    assert ConfigFile.read(config(terminal)).profile("default") == {"client_id": "test-client"}


def test_login_prompts_again_after_an_invalid_domain(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", stdin="no domain\nprovider.example\ntest-client\n", **NOTHING) == 0
    assert terminal.err.count(QUESTION) == 2
    assert "Error: 'no domain' is not a valid domain.\n" in terminal.err


@pytest.mark.parametrize("answers", ["", "\n", "provider.example\n", "provider.example\n\n"])
def test_an_empty_answer_counts_as_a_missing_setting(terminal: Terminal, answers: str) -> None:
    terminal.interactive = True
    assert terminal.run("login", stdin=answers, **NOTHING) == 3
    assert "is not set." in terminal.err
    assert not config(terminal).exists()


def test_answers_are_not_saved_if_the_login_fails(terminal: Terminal) -> None:
    terminal.interactive = True
    terminal.provider.at("/token", Respond(403, {"error": "access_denied"}))
    assert terminal.run("login", stdin="provider.example\ntest-client\n", **NOTHING) == 5
    assert not config(terminal).exists()


def test_without_a_terminal_login_does_not_prompt_for_settings(terminal: Terminal) -> None:
    assert terminal.run("login", stdin="provider.example\ntest-client\n", **NOTHING) == 3
    assert QUESTION not in terminal.err


def test_login_takes_missing_settings_from_the_stored_session(terminal: Terminal) -> None:
    terminal.login()
    terminal.interactive = True
    assert terminal.run("login", **NOTHING) == 0
    assert QUESTION not in terminal.err
    assert "You are already signed in as Juan" in terminal.err


@POSIX
def test_settings_that_cannot_be_saved_do_not_fail_the_login(terminal: Terminal, unwritable: Path) -> None:
    terminal.login("--audience", "https://api.example/")
    assert f"Warning: {unwritable} cannot be written (File name too long); settings are not saved.\n" in terminal.err


def test_a_config_file_that_becomes_invalid_during_a_login_does_not_fail_it(terminal: Terminal) -> None:
    configure(terminal, "")

    def answer(request: httpx.Request) -> httpx.Response:
        config(terminal).write_text("[broken", encoding="utf-8")
        return terminal.simulated(request)

    terminal.answer = answer
    terminal.login("--audience", "https://api.example/")
    assert "config.toml cannot be used: " in terminal.err
    assert "Settings are not saved." in terminal.err


@pytest.mark.parametrize(
    "argv",
    [
        ["--profile", "WORK", "login"],
        ["--profile", "WORK", "say-hi"],
        ["--profile", "WORK", "whoami"],
        ["--profile", "WORK", "token"],
        ["--profile", "WORK", "logout"],
        ["--profile", "WORK", "doctor"],
        ["--profile", "WORK", "profiles"],
        ["profiles", "show", "WORK"],
        ["profiles", "remove", "WORK"],
    ],
)
@pytest.mark.parametrize("known_by", ["its session", "its settings"])
def test_a_name_that_differs_from_an_existing_one_only_in_case_is_refused(
    argv: list[str], known_by: str, terminal: Terminal
) -> None:
    config = terminal.environment.config_dir / "config.toml"
    if known_by == "its settings":
        config.parent.mkdir(parents=True)
        config.write_text("[profiles.Work]\nclient_id = 'a'\n", encoding="utf-8")
    else:
        terminal.login("--profile", "Work")
    before = terminal.keyring.entries()
    assert terminal.run(*argv) == 2
    assert terminal.err.startswith("Error: There is a profile Work, whose name differs from WORK only in case.\n")
    assert terminal.keyring.entries() == before
    assert terminal.requests == []


def test_session_names_are_compared_despite_an_invalid_config_file(terminal: Terminal) -> None:
    terminal.login("--profile", "Work")
    terminal.environment.config_dir.mkdir(exist_ok=True)
    (terminal.environment.config_dir / "config.toml").write_text("[", encoding="utf-8")
    assert terminal.run("--profile", "work", "logout") == 2
    assert terminal.run("--profile", "other", "logout") == 0


def test_existing_profiles_whose_names_differ_only_in_case_stay_usable(terminal: Terminal) -> None:
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[profiles.Work]\n[profiles.work]\n", encoding="utf-8")
    terminal.login("--profile", "work")
    assert terminal.run("profiles", "show", "Work") == 0
    assert terminal.run("profiles") == 0
    assert terminal.run("profiles", "remove", "Work") == 0
    assert terminal.run("--profile", "work", "say-hi") == 0


def test_the_source_of_a_long_value_is_apart_from_it(terminal: Terminal) -> None:
    url = f"https://api.example/{'x' * 40}/"
    assert terminal.run("profiles", "show", "default", AWESOME_API_URL=url) == 0
    assert f"  api_url       {url}  (AWESOME_API_URL)\n" in terminal.out


@pytest.fixture
def two_profiles(terminal: Terminal) -> Terminal:
    terminal.issuer.person = {**terminal.issuer.person, "name": "Work"}
    terminal.login("--profile", "work", "--client-id", terminal.issuer.client_id)
    terminal.issuer.person = {**terminal.issuer.person, "name": "Home"}
    terminal.login()
    return terminal


def config_text(terminal: Terminal) -> str:
    return (terminal.environment.config_dir / "config.toml").read_text("utf-8")


def test_profiles_use_chooses_the_profile_that_is_used_where_none_is_named(two_profiles: Terminal) -> None:
    terminal = two_profiles
    assert terminal.run("profiles", "use", "work") == 0
    assert (terminal.out, terminal.err) == ("", "The profile work is used from now on.\n")
    assert config_text(terminal).startswith('default_profile = "work"\n')
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Work!\n"
    assert terminal.run("profiles") == 0
    assert [line[:6] for line in terminal.out.splitlines()[1:]] == ["  defa", "* work"]
    assert terminal.run("--profile", "default", "say-hi") == 0
    assert terminal.out == "Welcome Home!\n"
    assert terminal.run("say-hi", AWESOME_PROFILE="default") == 0
    assert terminal.out == "Welcome Home!\n"
    assert awesome.user(environment=terminal.environment).name == "Work"
    assert terminal.run("profiles", "use", "default") == 0
    assert "default_profile" not in config_text(terminal)
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Home!\n"


def test_profiles_use_says_that_a_variable_has_precedence(two_profiles: Terminal) -> None:
    assert two_profiles.run("profiles", "use", "work", AWESOME_PROFILE="default") == 0
    assert "Warning: AWESOME_PROFILE is set, and has precedence.\n" in two_profiles.err
    assert two_profiles.run("profiles", "use", "work", AWESOME_PROFILE="work") == 0
    assert "Warning" not in two_profiles.err


@pytest.mark.parametrize("name", ["nobody", "Work", "a/b", ""])
def test_profiles_use_refuses_a_profile_that_does_not_exist(two_profiles: Terminal, name: str) -> None:
    before = config_text(two_profiles)
    assert two_profiles.run("profiles", "use", name) == 2
    assert config_text(two_profiles) == before


def test_a_profile_that_was_chosen_and_removed_is_no_longer_the_default_one(two_profiles: Terminal) -> None:
    terminal = two_profiles
    assert terminal.run("profiles", "use", "work") == 0
    assert terminal.run("profiles", "remove", "work") == 0
    assert "default_profile" not in config_text(terminal)
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Home!\n"


def test_the_default_profile_is_named_where_nobody_is_signed_in_to_it(two_profiles: Terminal) -> None:
    terminal = two_profiles
    assert terminal.run("profiles", "use", "work") == 0
    assert terminal.run("logout") == 0
    assert terminal.run("say-hi") == 4
    assert terminal.err.startswith("Error: You are not signed in (profile work).\n")


def test_profiles_use_reports_a_config_file_that_cannot_be_written(
    two_profiles: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("awesome_cli.settings.config_file.write_private", fail)
    assert two_profiles.run("profiles", "use", "work") == 3
    assert "config.toml cannot be written (Read-only file system)." in two_profiles.err


@pytest.mark.parametrize(
    ("text", "code", "out"),
    [
        ('default_profile = "work"\n', 0, "Welcome Work!\n"),
        ('# mine\n\ndefault_profile = "work"\n', 0, "Welcome Work!\n"),
        ("default_profile='work' # mine\n", 0, "Welcome Work!\n"),
        ('"default_profile" = "work"\n', 0, "Welcome Work!\n"),
        ('[profiles.x]\ndefault_profile = "work"\n', 0, "Welcome Home!\n"),  # a key of another table
        ('# default_profile = "work"\n', 0, "Welcome Home!\n"),
        ("default_profile = 1\n", 3, ""),
        ('default_profile = "a/b"\n', 3, ""),
        ('default_profile = ""\n', 3, ""),
        ("default_profile = \n", 3, ""),
    ],
)
def test_the_default_profile_is_read_as_toml(two_profiles: Terminal, text: str, code: int, out: str) -> None:
    (two_profiles.environment.config_dir / "config.toml").write_text(text, "utf-8")
    assert two_profiles.run("say-hi") == code
    assert two_profiles.out == out


def test_a_config_file_that_cannot_be_read_leaves_the_default_profile(two_profiles: Terminal) -> None:
    for text in (b"\xff", b"not toml"):
        (two_profiles.environment.config_dir / "config.toml").write_bytes(text)
        assert two_profiles.run("say-hi") == 0
        assert two_profiles.out == "Welcome Home!\n"

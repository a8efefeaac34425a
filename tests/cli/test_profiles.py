"""``awesome profiles``, and the settings that ``login`` asks a person for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli.settings.config_file import ConfigFile
from awesome_cli.testing.hostile import Respond
from awesome_cli.testing.keyring import MemoryKeyring

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.terminal import Terminal


class Counting(MemoryKeyring):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.read.append(service)
        return super().get_password(service, username)


class Locked(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(service, username)


def config(terminal: Terminal) -> Path:
    return terminal.environment.config_dir / "config.toml"


def configure(terminal: Terminal, text: str) -> None:
    config(terminal).parent.mkdir(exist_ok=True)
    config(terminal).write_text(text, encoding="utf-8")


def rows(terminal: Terminal) -> list[list[str]]:
    return [line.split() for line in terminal.out.splitlines()]


def test_without_a_profile_the_list_is_empty_and_says_how_to_begin(terminal: Terminal) -> None:
    assert terminal.run("profiles") == 0
    assert terminal.out == ""
    assert terminal.err == "There are no profiles yet. Sign in with: awesome login\n"
    assert terminal.run("profiles", "--json") == 0
    assert terminal.json == []


def test_the_list_tells_who_where_how_long_and_the_store(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    configure(terminal, '[profiles.home]\ndomain = "home.auth0.com"\n')
    assert terminal.run("profiles", AWESOME_PROFILE="home") == 0
    heading, home, work = terminal.out.splitlines()
    assert heading.split() == ["PROFILE", "WHO", "WHERE", "ACCESS", "TOKEN", "STORE"]
    assert home.split() == ["*", "home", "(not", "signed", "in)", "https://home.auth0.com/"]
    assert work.split()[:3] == ["work", "Juan", "https://provider.example/"]
    assert "valid for 60 minutes, renewed by itself  awesome_cli.testing.keyring.MemoryKeyring" in work
    assert terminal.paths == []


def test_the_columns_stand_below_each_other(terminal: Terminal) -> None:
    for name in ("a", "a-longer-name"):
        terminal.login("--profile", name)
    terminal.run("profiles")
    heading, *lines = terminal.out.splitlines()
    assert {line.index("Juan") for line in lines} == {heading.index("WHO")}
    assert {line.index("https:") for line in lines} == {heading.index("WHERE")}


def test_the_list_is_there_for_programs_too(terminal: Terminal) -> None:
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
        "store": "awesome_cli.testing.keyring.MemoryKeyring",
        "problem": None,
    }


def test_an_access_token_that_ended_is_listed_as_ended_and_not_renewed(terminal: Terminal) -> None:
    terminal.login()
    terminal.time.pass_by(2 * 3600)
    assert terminal.run("profiles") == 0
    assert "ended, renewed by itself" in terminal.out
    assert terminal.paths == []


def test_fifty_profiles_cost_one_card_each_and_one_connection(terminal: Terminal) -> None:
    keyring = Counting()
    terminal.set(keyring=keyring)
    names = [f"profile-{number}" for number in range(50)]
    for name in names:
        terminal.login("--profile", name)
    keyring.read.clear()
    assert terminal.run("profiles", "--json", "--profile", names[0]) == 0
    assert len(terminal.json) == 50
    assert sorted(keyring.read) == sorted(f"awesome-cli:{name}" for name in names)


def test_a_damaged_session_is_shown_as_such_beside_the_others(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    terminal.login("--profile", "home")
    terminal.keyring.set_password("awesome-cli:work", "awesome", "junk")
    assert terminal.run("profiles") == 0
    assert "work     (cannot be read)" in terminal.out
    assert "home     Juan" in terminal.out
    assert "Warning: The stored session awesome-cli:work cannot be read." in terminal.err


def test_a_store_that_fails_is_shown_as_such_and_ends_with_9(terminal: Terminal) -> None:
    terminal.login("--profile", "plain", "--insecure-storage")
    configure(terminal, '[profiles.work]\nclient_id = "a"\n')
    terminal.set(keyring=Locked())
    assert terminal.run("profiles", "--profile", "work") == 9
    assert "  plain    Juan" in terminal.out
    assert "* work     (cannot be read)" in terminal.out
    assert terminal.err.startswith("Error: Could not read from the keyring (RuntimeError).\nHint: ")
    assert terminal.run("profiles", "--profile", "work", "--json") == 9
    plain, work = terminal.json
    assert plain["signed_in"] is True
    assert (work["signed_in"], work["problem"]) == (None, "Could not read from the keyring (RuntimeError).")


def test_settings_that_are_invalid_are_told_after_the_list(terminal: Terminal) -> None:
    terminal.login("--profile", "home")
    configure(terminal, "[profiles.work]\nclient_id = 7\n")
    assert terminal.run("profiles") == 3
    assert "home     Juan" in terminal.out
    assert "line 2: client_id must be a string" in terminal.err


def test_a_profile_that_cannot_be_is_a_usage_error(terminal: Terminal) -> None:
    assert terminal.run("profiles", "show", "a b") == 2
    assert terminal.run("profiles", "remove", "a" * 65) == 2
    assert terminal.run("whoami", "--profile", "ä") == 2
    assert "is not a valid profile name" in terminal.err


def test_show_tells_the_settings_where_each_comes_from_and_the_session(terminal: Terminal) -> None:
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
    assert rows(terminal)[-1] == ["access", "token", "valid", "for", "60", "minutes,", "renewed", "by", "itself"]
    assert terminal.paths == []


def test_show_is_there_for_programs_too(terminal: Terminal) -> None:
    terminal.login("--profile", "work")
    assert terminal.run("profiles", "show", "work", "--json") == 0
    shown = terminal.json
    assert shown["profile"] == "work"
    assert shown["settings"]["issuer"] == {"value": "https://provider.example/", "source": "AWESOME_ISSUER"}
    assert shown["settings"]["audience"] == {"value": None, "source": None}
    terminal.run("whoami", "--profile", "work", "--json")
    assert shown["session"] == terminal.json


def test_show_says_that_nobody_is_signed_in(terminal: Terminal) -> None:
    configure(terminal, '[profiles.work]\nclient_id = "\\u001b[31mred"\n')
    assert terminal.run("profiles", "show", "work", AWESOME_CLIENT_ID=None) == 0
    assert terminal.out.startswith("work: (not signed in)\n")
    assert "\033" not in terminal.out
    assert terminal.run("profiles", "show", "work", "--json") == 0
    assert terminal.json["session"] is None


def test_show_ends_as_the_store_does(terminal: Terminal) -> None:
    configure(terminal, "[profiles.work]\n")
    terminal.set(keyring=Locked())
    assert terminal.run("profiles", "show", "work") == 9
    assert terminal.out.startswith("work: (cannot be read)\n")
    assert "Error: Could not read from the keyring" in terminal.err


@pytest.mark.parametrize("command", ["show", "remove"])
def test_a_profile_that_is_not_there_is_no_profile(terminal: Terminal, command: str) -> None:
    assert terminal.run("profiles", command, "typo") == 3
    assert terminal.err == (
        "Error: There is no profile typo.\nHint: See awesome profiles; a new one: awesome login --profile typo\n"
    )


def test_show_tells_what_login_would_use_where_there_is_no_profile_yet(terminal: Terminal) -> None:
    assert terminal.run("profiles", "show", "default") == 0
    assert "(AWESOME_ISSUER)" in terminal.out


def test_remove_signs_out_and_forgets_the_settings(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--audience", "https://api.example/")
    assert terminal.run("profiles", "remove", "work") == 0
    assert terminal.paths == ["/revoke", "/revoke"]
    assert terminal.keyring.entries() == {}
    assert ConfigFile.read(config(terminal)).names == []
    assert terminal.err == "Signed out Juan (profile work).\nRemoved the profile work.\n"
    assert terminal.run("profiles", "--json") == 0
    assert terminal.json == []


def test_remove_ends_with_10_where_the_revocation_is_unconfirmed_and_removes_all_the_same(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--audience", "https://api.example/")
    terminal.provider.always("/revoke", Respond(503))
    assert terminal.run("profiles", "remove", "work") == 10
    assert terminal.keyring.entries() == {}
    assert ConfigFile.read(config(terminal)).names == []
    assert "did not confirm the revocation" in terminal.err


def test_remove_leaves_the_settings_where_the_store_fails(terminal: Terminal) -> None:
    terminal.login("--profile", "work", "--client-id", "test-client")
    configure(terminal, '[profiles.work]\nclient_id = "a"\n[profiles.other]\nclient_id = "b"\n')
    terminal.set(keyring=Locked())
    assert terminal.run("profiles", "remove", "work") == 9
    assert ConfigFile.read(config(terminal)).names == ["work", "other"]
    assert terminal.run("profiles", "remove", "other") == 0  # nothing says that it has a session
    assert "Warning: Could not read from the keyring" in terminal.err
    assert ConfigFile.read(config(terminal)).names == ["work"]


def test_remove_says_when_the_file_cannot_be_written(terminal: Terminal, unwritable: Path) -> None:
    assert terminal.run("profiles", "remove", "work") == 3
    assert f"Error: {unwritable} cannot be written (File name too long), so the settings of work stay." in terminal.err


@pytest.fixture
def unwritable(terminal: Terminal) -> Path:
    """Return a config file that nobody can replace, not even root: no name is left for a file beside it."""
    real = terminal.environment.config_dir / ("x" * 250)
    configure(terminal, "")
    config(terminal).unlink()
    real.write_text("[profiles.work]\n", encoding="utf-8")
    config(terminal).symlink_to(real)
    return config(terminal)


QUESTION = "Domain (or the issuer URL of another provider): "
NOTHING: dict[str, Any] = {"AWESOME_ISSUER": None, "AWESOME_CLIENT_ID": None}


def test_login_asks_a_person_for_what_no_setting_says_and_keeps_it(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    answers = f"{terminal.issuer.url}\n{terminal.issuer.client_id}\n"
    assert terminal.run("login", stdin=answers, **NOTHING) == 0
    assert f"shows Domain and Client ID.\n{QUESTION}Client ID: Open this address" in terminal.err
    assert ConfigFile.read(config(terminal)).profile("default") == {
        "issuer": terminal.issuer.url,
        "client_id": terminal.issuer.client_id,
    }
    terminal.interactive = False
    assert terminal.run("login", "--force", **NOTHING) == 0


def test_an_answer_without_a_scheme_is_a_domain(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", stdin="provider.example\ntest-client\n", **NOTHING) == 0
    assert ConfigFile.read(config(terminal)).profile("default")["domain"] == "provider.example"


def test_what_is_set_already_is_not_asked_for(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", stdin="test-client\n", AWESOME_CLIENT_ID=None) == 0
    assert QUESTION not in terminal.err
    assert ConfigFile.read(config(terminal)).profile("default") == {"client_id": "test-client"}


def test_an_answer_that_is_no_domain_is_refused_and_asked_for_again(terminal: Terminal) -> None:
    terminal.interactive = terminal.issuer.auto_approve = True
    assert terminal.run("login", stdin="no domain\nprovider.example\ntest-client\n", **NOTHING) == 0
    assert terminal.err.count(QUESTION) == 2
    assert "Error: 'no domain' is not a valid domain.\n" in terminal.err


@pytest.mark.parametrize("answers", ["", "\n", "provider.example\n", "provider.example\n\n"])
def test_no_answer_is_a_missing_setting(terminal: Terminal, answers: str) -> None:
    terminal.interactive = True
    assert terminal.run("login", stdin=answers, **NOTHING) == 3
    assert "is not set." in terminal.err
    assert not config(terminal).exists()


def test_answers_are_not_kept_where_the_login_failed(terminal: Terminal) -> None:
    terminal.interactive = True
    terminal.provider.at("/token", Respond(403, {"error": "access_denied"}))
    assert terminal.run("login", stdin="provider.example\ntest-client\n", **NOTHING) == 5
    assert not config(terminal).exists()


def test_without_a_terminal_nobody_is_asked(terminal: Terminal) -> None:
    assert terminal.run("login", stdin="provider.example\ntest-client\n", **NOTHING) == 3
    assert QUESTION not in terminal.err


def test_a_kept_session_answers_what_no_setting_says(terminal: Terminal) -> None:
    terminal.login()
    terminal.interactive = True
    assert terminal.run("login", **NOTHING) == 0
    assert QUESTION not in terminal.err
    assert "You are already signed in as Juan" in terminal.err


def test_settings_that_cannot_be_saved_do_not_fail_the_login(terminal: Terminal, unwritable: Path) -> None:
    terminal.login("--audience", "https://api.example/")
    assert f"Warning: {unwritable} cannot be written (File name too long); settings are not saved.\n" in terminal.err


def test_a_file_that_was_broken_while_the_person_was_waited_for_does_not_fail_the_login(terminal: Terminal) -> None:
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


def test_a_config_file_that_is_broken_hides_no_session_whose_name_differs_only_in_case(terminal: Terminal) -> None:
    terminal.login("--profile", "Work")
    terminal.environment.config_dir.mkdir(exist_ok=True)
    (terminal.environment.config_dir / "config.toml").write_text("[", encoding="utf-8")
    assert terminal.run("--profile", "work", "logout") == 2
    assert terminal.run("--profile", "other", "logout") == 0


def test_names_that_differ_only_in_case_and_exist_already_both_serve(terminal: Terminal) -> None:
    config = terminal.environment.config_dir / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[profiles.Work]\n[profiles.work]\n", encoding="utf-8")
    terminal.login("--profile", "work")
    assert terminal.run("profiles", "show", "Work") == 0
    assert terminal.run("profiles") == 0
    assert terminal.run("profiles", "remove", "Work") == 0
    assert terminal.run("--profile", "work", "say-hi") == 0

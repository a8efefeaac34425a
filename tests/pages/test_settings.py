"""Whether the variables and the keys of ``config.toml`` in README, docs and help texts are those of the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from awesome_cli.brand import FLOWS
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.settings.config_file import ConfigFile
from awesome_cli.settings.profile import EXTRA_PREFIX_SETTINGS, FILE_SETTINGS, SWITCH_SETTINGS, TEXT_SETTINGS
from awesome_cli.settings.profile_names import KEY
from support.brand import AWESOME
from support.pages import DOCS, README, ROOT, SOURCES, code, section, tables

PAGES = DOCS | {
    name: (ROOT / name).read_text("utf-8")
    for name in ("README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", "docs/examples/acme-cli/README.md")
}
SETTINGS = DOCS["docs/reference/settings.md"]
(VARIABLES,) = tables(section(SETTINGS, "## Variables"))
(KEYS,) = tables(section(SETTINGS, "## config.toml"))
LISTED = {name for _, variables, _ in VARIABLES for name in code(variables)}
OWN = re.compile(r"\b(?:AWESOME|AUTH0|ACME)_[A-Z0-9_]*[A-Z0-9]\b")  # ACME is the program of the examples
FOR_TESTS = {"AWESOME_TESTS_ROUNDS", "AWESOME_TESTS_NO_SKIP"}
BY_THE_SYSTEM = {
    "COMP_CWORD",
    "COMP_WORDS",
    "DISPLAY",
    "KDE",  # a value of XDG_CURRENT_DESKTOP
    "TERM_PROGRAM",
    "USERPROFILE",
    "VTE_VERSION",
    "WAYLAND_DISPLAY",
    "WSL_DISTRO_NAME",
    "XDG_CURRENT_DESKTOP",
    "XDG_DATA_HOME",
}  # set by shells, terminals and desktops; nobody sets them for this program
BY_LIBRARIES = {
    "ALL_PROXY": "httpx",
    "HTTPS_PROXY": "httpx",
    "HTTP_PROXY": "httpx",
    "NO_PROXY": "httpx",
    "PYTHONPATH": "Python",
    "XDG_CACHE_HOME": "platformdirs",
}
OF_A_GUIDE = {
    "KEYRING_CRYPTFILE_PASSWORD",
    "KEYRING_PASSWORD_FILE",
    "KEYRING_PROPERTY_KEYRING_KEY",  # said to have no effect
}  # read by the script and the module that docs/how-to/headless.md prints
NO_VARIABLES = {
    "BUILT_IN_COMMANDS",
    "DISCOVERY",
    "ENDLESS_BODY",
    "ENDLESS_HEADERS",
    "ENDLESS_INTERIM",
    "IPC_LOCK",
    "WITHOUT_TLS",
}  # names of code, and a capability


def strings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def read_from_environ(source: str) -> Iterator[str]:
    """Return the variables in expressions with the environment."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call | ast.Compare | ast.Subscript | ast.BinOp):
            names = {getattr(part, "id", getattr(part, "attr", "")) for part in ast.walk(node)}
            if names & {"environ", "_environ"}:
                texts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", text))


READ = {name for source in SOURCES.values() for name in read_from_environ(source)} - {"AUDIENCE", "KEYRING_PROPERTY_"}
READ |= {"COLUMNS", "LINES", "XDG_CONFIG_HOME", "XDG_STATE_HOME"}  # by names in a tuple


def test_the_settings_page_lists_every_variable_of_the_program() -> None:
    read = {AWESOME.variable(key) for key in (*TEXT_SETTINGS, "profile", "keyring_timeout", "access_token", "plain")}
    read |= {prefix + key.upper() for prefix in AWESOME.extra_env_prefixes for key in EXTRA_PREFIX_SETTINGS}
    for source in SOURCES.values():
        read |= {text for text in strings(source) if OWN.fullmatch(text)}
    assert read == LISTED


def test_the_variables_of_a_setting_stand_beside_its_key() -> None:
    for _, variables, configured in VARIABLES:
        if (key := configured.partition(";")[0].strip("`")) in TEXT_SETTINGS:
            extra = AWESOME.extra_env_prefixes if key in EXTRA_PREFIX_SETTINGS else ()
            assert code(variables) == [AWESOME.variable(key), *(prefix + key.upper() for prefix in extra)]


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_of_the_program_in_the_docs_is_on_the_settings_page(page: str) -> None:
    named = {name.replace("ACME_", "AWESOME_") for name in OWN.findall(PAGES[page])}
    assert named <= LISTED | FOR_TESTS


def test_every_variable_in_the_help_texts_is_on_the_settings_page(helps: dict[str, str]) -> None:
    named = {name for text in helps.values() for name in OWN.findall(text)}
    assert {"AWESOME_PROFILE", "AWESOME_API_URL"} <= named <= LISTED


def test_the_variables_for_tests_are_read_by_the_tests() -> None:
    read = {text for path in Path(ROOT, "tests").rglob("*.py") for text in strings(path.read_text("utf-8"))}
    assert read >= FOR_TESTS


def test_every_other_variable_that_the_program_reads_is_documented() -> None:
    documented = {name.partition("=")[0] for text in DOCS.values() for name in code(text)}
    assert {"NO_COLOR", "BROWSER", "SSL_CERT_FILE"} <= READ
    assert READ - BY_THE_SYSTEM - documented == set()


@pytest.mark.parametrize("page", [*DOCS, "README.md"])
def test_every_other_variable_in_the_docs_is_read(page: str) -> None:
    text = (DOCS | {"README.md": README})[page]
    words = {word.partition("=")[0] for word in code(text)} | set(re.findall(r"\b([A-Z_]+)=(?!\")", text))
    named = {word for word in words if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", word) and not OWN.fullmatch(word)}
    assert named <= READ | BY_LIBRARIES.keys() | OF_A_GUIDE | NO_VARIABLES | FOR_TESTS | {"YOUR_CLIENT_ID", "TENANT_ID"}


def test_the_settings_page_lists_every_key_of_a_profile() -> None:
    in_variables = [code(configured)[0] for _, _, configured in VARIABLES if configured.startswith("`")]
    listed = [code(key)[0] for key, _ in KEYS]
    assert sorted([*in_variables, *listed]) == sorted({*TEXT_SETTINGS, *SWITCH_SETTINGS, *FILE_SETTINGS, *ENDPOINTS})
    assert KEY in SETTINGS


def test_the_settings_page_lists_the_flows() -> None:
    (meaning,) = (meaning for key, meaning in KEYS if key == "`flow`")
    assert set(re.findall(r"`\"(\w+)\"`", meaning)) == {*FLOWS}


def config_file(text: str) -> ConfigFile:
    return ConfigFile(Path("config.toml"), text, nullcontext)


CONFIGS = [
    (page, re.sub(r"^    ", "", config, flags=re.MULTILINE))
    for page, text in PAGES.items()
    for config in re.findall(r"^ *```toml\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    if "[profiles." in config
]


@pytest.mark.parametrize(("page", "config"), CONFIGS)
def test_a_config_file_in_the_docs_is_valid(page: str, config: str) -> None:
    file = config_file(config)
    assert file.unknown == set(), page
    assert all(file.profile(name) for name in file.names)


def test_every_single_setting_in_the_docs_is_valid() -> None:
    found = {
        words
        for text in PAGES.values()
        for words in code(text)
        if re.fullmatch(r"(?!acme )[a-z_]+ = (true|\".+\")", words)
    }
    assert len(found) >= 6
    for words in found:
        file = config_file(words if words.startswith(KEY) else f"[profiles.default]\n{words}")
        assert file.unknown == set(), words
        assert all(file.profile(name) for name in file.names)

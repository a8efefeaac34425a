"""What differs between the programs that are built on this package, and the defaults of all of them.

It imports nothing: it is loaded at every start.
"""

from __future__ import annotations

BUILT_IN_COMMANDS = {
    "login": "Sign in once on this machine and keep the session in the keyring.",
    "say-hi": 'Print "Welcome NAME!" for the person who is signed in.',
    "whoami": "Say who is signed in, where, and until when.",
    "token": "Print a valid access token, renewed if need be, and nothing else.",
    "api": "Call your protected API with the access token.",
    "profiles": "List the profiles and who is signed in to each.",
    "doctor": "Check everything that a sign-in needs, and say what to do.",
    "logout": "Sign out: revoke the tokens at the provider, then empty the keyring.",
    "demo": "Run login to logout against the embedded provider.",
}  # with the first sentence of their help, so that listing them imports none of them
USUAL_COMMANDS = ("login", "logout", "whoami", "token", "api", "profiles", "doctor")
DEFAULT_PROFILE = "default"
DEFAULT_SCOPE = "openid profile email offline_access"
FLOWS = ("device", "web", "auto")
MIN_TTL = 60.0  # seconds that an access token shall remain valid: long enough for one request
_URLS = ("issuer", "api_url", "redirect_uri")


class Brand:
    """The names of one program, derived from its own name unless given, and its default settings.

    ``app_dir`` names its folders for settings, state, cache and locks, and begins its User-Agent; ``keyring_service``
    begins the names of its keyring entries, ``env_prefix`` the names of its variables. ``extra_env_prefixes`` begin
    the variables that are read for domain, client id and audience as well. ``commands`` are the built-in commands that
    it has, ``plugin_group`` is the group of entry points by which other packages add commands. ``defaults`` are
    settings as ``config.toml`` names them; None counts as not given.

    Only their form is checked here. Raises ValueError, naming the argument.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "",
        app_dir: str | None = None,
        keyring_service: str | None = None,
        env_prefix: str | None = None,
        extra_env_prefixes: tuple[str, ...] = (),
        plugin_group: str | None = None,
        commands: tuple[str, ...] = USUAL_COMMANDS,
        defaults: dict[str, str | bool | None] | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.app_dir = name if app_dir is None else app_dir
        self.keyring_service = name if keyring_service is None else keyring_service
        _require(_is_word(name, "-_") and name[0].isalpha(), "name", name, "a letter, then letters, digits, - and _")
        _require(not isinstance(extra_env_prefixes, str), "extra_env_prefixes", extra_env_prefixes, "a tuple of text")
        _require(isinstance(commands, tuple | list), "commands", commands, "a tuple of names")
        self.env_prefix = _with_underscore(self._word if env_prefix is None else env_prefix)
        self.extra_env_prefixes = tuple(map(_with_underscore, extra_env_prefixes))
        self.plugin_group = plugin_group
        self.commands = tuple(commands)
        self.defaults = {key: value for key, value in (defaults or {}).items() if value is not None}
        self._check()

    def _check(self) -> None:
        _require(isinstance(self.version, str), "version", self.version, "text")
        _require(_is_word(self.app_dir, "-_.") and self.app_dir.strip("."), "app_dir", self.app_dir, "a folder's name")
        service = self.keyring_service
        _require(_is_word(service, "-_. "), "keyring_service", service, "letters, digits, blanks, hyphens, dots and _")
        for argument, prefixes in {
            "env_prefix": (self.env_prefix,),
            "extra_env_prefixes": self.extra_env_prefixes,
        }.items():
            for prefix in prefixes:
                is_prefix = _is_word(prefix, "_") and not prefix[0].isdigit()
                _require(is_prefix, argument, prefix, "letters, digits and _, and no digit first")
        for command in self.commands:
            _require(command in BUILT_IN_COMMANDS, "commands", command, f"one of {', '.join(BUILT_IN_COMMANDS)}")
        for key, value in self.defaults.items():
            _check_default(key, value)
        if {"issuer", "domain"} <= self.defaults.keys():
            raise ValueError("issuer and domain are two spellings of one setting: give one of them")

    def variable(self, setting: str) -> str:
        """Return the variable for a setting: ``keyring_timeout`` is ``AWESOME_KEYRING_TIMEOUT``."""
        return self.env_prefix + setting.upper()

    @property
    def version_line(self) -> str:
        return f"{self.name} {self.version}".rstrip()

    @property
    def completion_variable(self) -> str:
        """The variable in which a shell asks for completions."""
        return f"_{self._word}_COMPLETE"

    @property
    def _word(self) -> str:
        return self.name.upper().replace("-", "_")


def _check_default(key: str, value: object) -> None:
    if key == "resource":
        _require(isinstance(value, bool), key, value, "True or False")
        return
    _require(isinstance(value, str) and value.isprintable() and value.strip(), key, value, "text")
    if key in _URLS:
        scheme, _, rest = str(value).partition("://")
        host = rest.partition("/")[0]
        _require(scheme in ("https", "http") and host, key, value, "a URL with scheme and host, such as https://HOST/")
    if key == "domain":
        _require(not set("/:?# ") & set(str(value)), key, value, "a host, such as tenant.eu.auth0.com")
    if key == "flow":
        _require(value in FLOWS, key, value, f"one of {', '.join(FLOWS)}")


def _with_underscore(prefix: str) -> str:
    """Let a prefix end with an underscore. What is empty, or not text, is refused later."""
    return f"{prefix}_" if prefix and not str(prefix).endswith("_") else prefix


def _is_word(text: object, others: str) -> bool:
    """Whether it is ASCII text of letters, digits and the ``others``."""
    if not isinstance(text, str) or not text or len(text) > 64 or not text.isascii():
        return False
    return all(character.isalnum() or character in others for character in text) and text == text.strip()


def _require(valid: object, argument: str, value: object, form: str) -> None:
    if not valid:
        raise ValueError(f"{argument} is not valid: {value!r} (expected: {form})")

"""What can go wrong, told by what it means to the user: one sentence, one hint, one exit code."""

from __future__ import annotations


class AwesomeError(Exception):
    """An end that the user can do something about.

    ``sentence`` says what happened and why, ``hint`` what to type or do next. ``code`` is what programs
    branch on (``login --json``): the OAuth error code where there is one, else the class's own.
    Neither text may carry a secret. What is shown of them is made harmless where it is printed; what may be long goes
    through :func:`awesome_cli.text.safe` first.
    ``withheld`` is an exception whose words may quote a secret: only the name of its class is kept, in ``cause``, and
    it is not chained (``raise … from None``), so that no logged traceback tells its words.
    """

    exit_code = 1
    code = "bug"

    def __init__(self, sentence: str, *, hint: str = "", code: str = "", withheld: BaseException | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.code = code or type(self).code
        self._withheld = "" if withheld is None else type(withheld).__name__

    @property
    def cause(self) -> str:
        """The class name of the exception behind this one; empty if there is none."""
        return self._withheld or ("" if self.__cause__ is None else type(self.__cause__).__name__)


class OutputLost(AwesomeError):  # noqa: N818
    """The result could not be written to where it was sent; the command itself may well be done."""

    code = "output"


class UsageError(AwesomeError):
    """The command was typed in a way that it does not understand."""

    exit_code = 2
    code = "usage"


class ConfigError(AwesomeError):
    """A setting is missing or invalid."""

    exit_code = 3
    code = "config"


class SignInNeeded(AwesomeError):  # noqa: N818 - says what happened to the user
    """There is no session, or it ended and cannot be renewed."""

    exit_code = 4
    code = "sign_in_needed"


class GrantEnded(SignInNeeded):
    """The provider no longer accepts the refresh token."""

    code = "invalid_grant"


class SignInDenied(AwesomeError):  # noqa: N818
    """The person, or the provider on their behalf, said no."""

    exit_code = 5
    code = "access_denied"


class CodeExpired(AwesomeError):  # noqa: N818
    """Nobody approved the code while it was valid."""

    exit_code = 6
    code = "expired_token"


class ProviderUnusable(AwesomeError):  # noqa: N818
    """The provider could not be reached, or answered something that cannot be used."""

    exit_code = 7
    code = "network"


class ProviderUnreachable(ProviderUnusable):
    """Trouble on the way to the provider, or inside it, that may pass by itself: no reason to drop a session."""


class ConnectionFailedError(ProviderUnreachable):
    """No connection could be made, so nothing was sent."""


class AnswerLostError(ProviderUnreachable):
    """The request was sent, and no complete answer came: what it asked for may have been done."""


class SystemExhausted(ProviderUnreachable):
    """The system gives no more open files, memory or threads, so that nobody can be asked: no reason either."""

    code = "system"


class TokenInvalid(AwesomeError):  # noqa: N818
    """A token broke a validation rule; it was not kept."""

    exit_code = 8
    code = "invalid_token"


class KeyringUnusable(AwesomeError):  # noqa: N818
    """The keyring is missing, locked, too slow or refuses."""

    exit_code = 9
    code = "keyring"


class NoKeyringError(KeyringUnusable):
    """The system has no keyring that could hold anything."""


class SaveUnconfirmedError(KeyringUnusable):
    """The keyring did not say whether it stored the session; it may still do so."""


class RevocationUnconfirmed(AwesomeError):  # noqa: N818
    """Signed out here, but the provider did not confirm that the refresh token is dead."""

    exit_code = 10
    code = "revocation_unconfirmed"

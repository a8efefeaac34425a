"""What can go wrong, told by what it means to the user: one sentence, one hint, one exit code."""

from __future__ import annotations


class AwesomeError(Exception):
    """An end that the user can do something about.

    ``message`` says what happened and why, ``hint`` what to type or do next. ``code`` is what programs
    branch on (``login --json``): the OAuth error code where there is one, else the class's own.
    Neither text may carry a secret. What is shown of them is made harmless where it is printed; what may be long goes
    through :func:`awesome_cli.text.safe` first.
    ``hidden_cause`` is an exception whose words may quote a secret: only the name of its class is kept, in ``cause``,
    and it is not chained (``raise … from None``), so that no logged traceback tells its words.
    """

    exit_code = 1
    code = "bug"

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", hidden_cause: BaseException | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code
        self._hidden_cause = "" if hidden_cause is None else type(hidden_cause).__name__

    @property
    def cause(self) -> str:
        """The class name of the exception behind this one; empty if there is none."""
        return self._hidden_cause or ("" if self.__cause__ is None else type(self.__cause__).__name__)


class OutputError(AwesomeError):
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


class LoginRequiredError(AwesomeError):
    """There is no session, or it ended and cannot be renewed."""

    exit_code = 4
    code = "sign_in_needed"


class RefreshTokenRejectedError(LoginRequiredError):
    """The provider no longer accepts the refresh token."""

    code = "invalid_grant"


class AccessDeniedError(AwesomeError):
    """The person, or the provider on their behalf, said no."""

    exit_code = 5
    code = "access_denied"


class DeviceCodeExpiredError(AwesomeError):
    """Nobody approved the code while it was valid."""

    exit_code = 6
    code = "expired_token"


class ProviderError(AwesomeError):
    """The provider could not be reached, or answered something that cannot be used."""

    exit_code = 7
    code = "network"


class ProviderUnreachableError(ProviderError):
    """Trouble on the way to the provider, or inside it, that may pass by itself: no reason to drop a session."""


class ConnectionFailedError(ProviderUnreachableError):
    """No connection could be made, so nothing was sent."""


class ResponseLostError(ProviderUnreachableError):
    """The request was sent, and no complete answer came: what it asked for may have been done."""


class ResourceExhaustedError(ProviderUnreachableError):
    """The system gives no more open files, memory or threads, so that nobody can be asked: no reason either."""

    code = "system"


class InvalidTokenError(AwesomeError):
    """A token broke a validation rule; it was not kept."""

    exit_code = 8
    code = "invalid_token"


class KeyringError(AwesomeError):
    """The keyring is missing, locked, too slow or refuses."""

    exit_code = 9
    code = "keyring"


class NoKeyringError(KeyringError):
    """The system has no keyring that could hold anything."""


class SaveUnconfirmedError(KeyringError):
    """The keyring did not say whether it stored the session; it may still do so."""


class RevocationUnconfirmedError(AwesomeError):
    """Signed out here, but the provider did not confirm that the refresh token is dead."""

    exit_code = 10
    code = "revocation_unconfirmed"

"""The exceptions, each with a message, an optional hint, a code and an exit code.

Their classes and exit codes::

    AwesomeError                          1   the program has a bug
    ├── OutputError                       1   the result could not be written
    ├── ProgramError                      1   a program that is built on this package is not defined correctly
    ├── UsageError                        2   the command line is not valid
    │   └── OtherOriginError                  the request is not for the origin that the access token is for
    ├── ConfigError                       3   a setting is missing or not valid
    │   └── MissingSettingError               it is not set anywhere
    ├── LoginRequiredError                4   no session, or it has ended and cannot be renewed
    │   ├── SessionEndedError                 the access token has expired and there is no refresh token
    │   ├── RefreshTokenRejectedError         the provider rejects the refresh token
    │   ├── DamagedSessionError               the stored session cannot be read
    │   └── OtherSessionError                 the stored session is not the one that the settings require
    ├── AccessDeniedError                 5   the person, or the provider, denied the sign-in
    │   └── PolicyDenialError                 a policy of the provider denies this way to sign in
    ├── DeviceCodeExpiredError            6   the code was not approved in time
    ├── ProviderError                     7   the provider cannot be reached, or its response cannot be used
    │   ├── RefreshFailedError                the provider refuses to renew the session
    │   ├── LockTimeoutError                  another process held the lock all the time
    │   ├── NoLockFolderError                 no folder can be used for locks
    │   ├── IssuerMismatchError               the provider calls itself by another name than the settings do
    │   ├── DeviceFlowUnavailableError        the provider has no device flow, or a policy of it refuses that
    │   └── ProviderUnreachableError          transient: never a reason to remove a session
    │       ├── ConnectionFailedError         nothing was sent
    │       ├── ResponseLostError             the request was sent, and no complete response came
    │       └── ResourceExhaustedError        no more open files, memory or threads
    ├── InvalidTokenError                 8   a token broke a validation rule
    │   ├── UnsupportedAlgorithmError         it is not signed with an algorithm that is accepted
    │   ├── NoMatchingKeyError                no known key matches it; newer keys may
    │   ├── TokenNotCurrentError              it is not valid now, by this machine's clock
    │   └── SubjectMismatchError              it is about another user
    ├── KeyringError                      9   the keyring is missing, locked, too slow, or refuses
    │   ├── NoKeyringError                    the system has none
    │   ├── LockedKeyringError                it is locked, and was not unlocked
    │   ├── KeyringTimeoutError               it did not respond in time, and may still do what it was asked
    │   ├── SaveUnconfirmedError              it is unknown whether the session was stored
    │   └── PlaintextFileError                the plaintext file that stands in for it cannot be used
    ├── RevocationUnconfirmedError       10   signed out here, but the provider did not confirm the revocation
    ├── ApiError                         11   the API answered with an error
    └── ApprovalPendingError             12   nobody has approved the code yet, and it is still valid
"""

from __future__ import annotations


class AwesomeError(Exception):
    """Something went wrong that the user can do something about.

    ``code`` is what programs branch on: the OAuth error code where there is one, else the class's own. ``hint`` is
    empty where :mod:`awesome_cli.hints` has the default. Neither text may contain a secret.
    ``is_auth0``: whether it came of a conversation with Auth0, whose dashboard the hint may then name.
    ``hidden_cause`` is an exception whose text may quote one: only the name of its class is stored, in ``cause``.
    """

    exit_code = 1
    code = "bug"
    is_auth0 = False

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
    code = "output"


class ProgramError(AwesomeError):
    code = "program"


class UsageError(AwesomeError):
    exit_code = 2
    code = "usage"


class OtherOriginError(UsageError):
    pass


class ConfigError(AwesomeError):
    exit_code = 3
    code = "config"


class MissingSettingError(ConfigError):
    pass


class LoginRequiredError(AwesomeError):
    exit_code = 4
    code = "sign_in_needed"


class SessionEndedError(LoginRequiredError):
    pass


class RefreshTokenRejectedError(LoginRequiredError):
    code = "invalid_grant"


class DamagedSessionError(LoginRequiredError):
    pass


class OtherSessionError(LoginRequiredError):
    pass


class AccessDeniedError(AwesomeError):
    exit_code = 5
    code = "access_denied"


class PolicyDenialError(AccessDeniedError):
    pass


class DeviceCodeExpiredError(AwesomeError):
    exit_code = 6
    code = "expired_token"


class ProviderError(AwesomeError):
    exit_code = 7
    code = "network"


class RefreshFailedError(ProviderError):
    pass


class LockTimeoutError(ProviderError):
    code = "timeout"


class NoLockFolderError(ProviderError):
    code = "config"


class IssuerMismatchError(ProviderError):
    """``named`` is the issuer in the provider's discovery document."""

    def __init__(self, message: str, *, hint: str, named: str) -> None:
        super().__init__(message, hint=hint)
        self.named = named


class DeviceFlowUnavailableError(ProviderError):
    pass


class ProviderUnreachableError(ProviderError):
    pass


class ConnectionFailedError(ProviderUnreachableError):
    pass


class ResponseLostError(ProviderUnreachableError):
    pass


class ResourceExhaustedError(ProviderUnreachableError):
    code = "system"


class InvalidTokenError(AwesomeError):
    exit_code = 8
    code = "invalid_token"


class UnsupportedAlgorithmError(InvalidTokenError):
    pass


class NoMatchingKeyError(InvalidTokenError):
    pass


class TokenNotCurrentError(InvalidTokenError):
    pass


class SubjectMismatchError(InvalidTokenError):
    pass


class KeyringError(AwesomeError):
    exit_code = 9
    code = "keyring"


class NoKeyringError(KeyringError):
    pass


class LockedKeyringError(KeyringError):
    pass


class KeyringTimeoutError(KeyringError):
    pass


class SaveUnconfirmedError(KeyringError):
    pass


class PlaintextFileError(KeyringError):
    pass


class RevocationUnconfirmedError(AwesomeError):
    exit_code = 10
    code = "revocation_unconfirmed"


class ApiError(AwesomeError):
    exit_code = 11
    code = "api"


class ApprovalPendingError(AwesomeError):
    exit_code = 12
    code = "authorization_pending"


def sole_error(error: BaseException) -> AwesomeError | None:
    """Return the error, or the first one of a group of such errors alone, as a task group raises it; else None."""
    while isinstance(error, BaseExceptionGroup):
        if error.split(AwesomeError)[1] is not None:
            return None
        error = error.exceptions[0]
    return error if isinstance(error, AwesomeError) else None

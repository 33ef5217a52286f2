"""What identity refuses.

Unauthorized  TokenInvalid · TokenExpired · SessionEnded · CredentialsWrong
              RefreshTokenInvalid · RefreshTokenReused
              ApiKeyInvalid · ApiKeyExpired · CodeRefused · IdTokenInvalid
Forbidden     AddressNotVerified · AccountBanned · NotYourself · PersonNeeded · AddressUnproven
NotFound      UserNotFound · ApiKeyNotFound
Conflict      AddressTaken · LastAdmin · AlreadyBanned · NotBanned · TooManyKeys · AccountNotLinked
Gone          LinkExpired · LinkSpent
Invalid       OtpWrong · LinkInvalid · PasswordWeak · ExpiryPassed
TooMany       TooManyTries · TooManyCodes
Unavailable   ProviderUnavailable · SignInNotConfigured
"""

from holdfast.kernel.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Refusal,
    TooMany,
    Unauthorized,
    Unavailable,
)


class TokenInvalid(Unauthorized):
    """This access token is not one of ours."""


class TokenExpired(Unauthorized):
    """This access token has expired; refresh it."""


class SessionEnded(Unauthorized):
    """This session has ended; sign in again."""


class CredentialsWrong(Unauthorized):
    """The e-mail address or the password is wrong."""


class RefreshTokenInvalid(Unauthorized):
    """This refresh token is unknown, expired or of a session that has ended; sign in again."""


class RefreshTokenReused(Unauthorized):
    """This refresh token was used before; its session has been ended, sign in again."""


class ApiKeyInvalid(Unauthorized):
    """This API key is not one of ours, has been deleted, or its owner is banned."""


class ApiKeyExpired(Unauthorized):
    """This API key has expired; make a new one."""


class CodeRefused(Unauthorized):
    """The sign-in provider does not accept this code; start the sign-in again."""


class IdTokenInvalid(Unauthorized):
    """What the sign-in provider says of you is not meant for this sign-in; start it again."""


class PersonNeeded(Forbidden):
    """An API key cannot do this; sign in yourself."""


class AddressUnproven(Forbidden):
    """Where you signed in, your e-mail address has not been verified; verify it there first."""


class AddressNotVerified(Forbidden):
    """Prove your e-mail address first, with the code or the link that was mailed to it."""


class AccountBanned(Forbidden):
    """This account is banned."""


class NotYourself(Forbidden):
    """You cannot ban yourself."""


class UserNotFound(NotFound):
    """There is no such user."""


class ApiKeyNotFound(NotFound):
    """There is no such API key of yours."""


class TooManyKeys(Conflict):
    """You have as many API keys as an account may have; delete one first."""


class AccountNotLinked(Conflict):
    """There is an account with this e-mail address, and this sign-in may not open it."""


class AddressTaken(Conflict):
    """There is an account with this e-mail address."""


class LastAdmin(Conflict):
    """This is the last admin; make another one first."""


class AlreadyBanned(Conflict):
    """This account is banned already."""


class NotBanned(Conflict):
    """This account is not banned."""


class LinkExpired(Gone):
    """This link has expired; ask for a new one."""


class LinkSpent(Gone):
    """This link has been used; ask for a new one."""


class LinkInvalid(Invalid):
    """This is not a link of ours."""


class OtpWrong(Invalid):
    """The code is wrong, used or expired; ask for a new one."""


class PasswordWeak(Invalid):
    """The password is too easy to guess."""


class ExpiryPassed(Invalid):
    """The expiry must lie in the future."""


class TooManyTries(TooMany):
    """Too many wrong tries; wait, or ask for a new code or link."""


class TooManyCodes(TooMany):
    """Too many codes were asked for; wait for the last one or try later."""


class ProviderUnavailable(Unavailable):
    """The sign-in provider cannot be asked right now; try again."""


class SignInNotConfigured(Unavailable):
    """This way to sign in is not set up here."""


VIOLATIONS: dict[str, type[Refusal]] = {
    "users_email_key": AddressTaken,
    "spent_links_pkey": LinkSpent,
    "preferences_user_id_fkey": UserNotFound,
}

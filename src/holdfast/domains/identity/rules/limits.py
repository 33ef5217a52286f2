"""How long things live and how often they may be tried."""

from dataclasses import dataclass
from datetime import timedelta

CODE_TTL = timedelta(minutes=10)
# a million codes, 6 mails an hour, 5 tries each: a guesser who never rests needs years for an even chance
CODE_DIGITS = 6

VERIFY_LINK_TTL = timedelta(hours=24)
RESET_LINK_TTL = timedelta(hours=1)

ACCESS_TTL = timedelta(minutes=15)
REFRESH_TTL = timedelta(days=30)
SESSION_TTL = timedelta(days=90)

# a session that has ended, and a key that has expired, are forgotten so long after
REMEMBERED = timedelta(days=30)

KEY_AGE = timedelta(days=30)
# how long a retired key verifies: the life of the last token it signed, and time for clocks that differ
KEY_AFTERLIFE = ACCESS_TTL + timedelta(minutes=5)


MAX_API_KEYS = 50
# a key in use has its row written once in so long
USE_NOTED_EVERY = timedelta(minutes=1)
# how far the clocks of other issuers may be from ours
CLOCK_LEEWAY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in a window that opens with the first."""

    purpose: str
    most: int
    window: timedelta


CODES = Limit("code", 5, timedelta(hours=1))
RESETS = Limit("reset", 5, timedelta(hours=1))
NOTICES = Limit("notice", 5, timedelta(hours=1))
SIGN_INS = Limit("sign_in", 10, timedelta(minutes=15))

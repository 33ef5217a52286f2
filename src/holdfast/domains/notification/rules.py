"""What goes by which way, how long to wait before the next try, and how people are told names."""

import re
import unicodedata
from datetime import timedelta

from holdfast.contracts.identity import Preferences
from holdfast.contracts.notification import Category, Channel

# tries after about 15 s, 30 s, 1, 2, 4 … minutes, then every four hours: given up after about a day
MAX_ATTEMPTS = 14
FIRST_PAUSE = timedelta(seconds=20)
LONGEST_PAUSE = timedelta(hours=4)

LONGEST_SPOKEN_NAME = 60
# a mail program makes a link of anything that looks like one: nobody shall send theirs under the house's name
LINK_LIKE = re.compile(r"://|www\.|\w\.\w|[/@<>\\]")

# 15 digits at most, the country's code first
E164 = re.compile(r"[1-9][0-9]{6,14}")

# marks, embeddings and isolates of writing direction; joiners stay, for names need them
TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def goes(category: Category, channel: Channel, preferences: Preferences) -> bool:
    """Whether this receiver gets messages of this category by this way.

    |               | mail                            | text message          | in the app            |
    | legal         | always                          | always                | always                |
    | transactional | always                          | transactional.sms     | transactional.in_app  |
    | reminder      | reminders.email                 | reminders.sms         | reminders.in_app      |
    | marketing     | marketing.email, marketing_mail | marketing.sms         | marketing.in_app      |
    """
    said = preferences.messages
    if category is Category.LEGAL or (category, channel) == (Category.TRANSACTIONAL, Channel.EMAIL):
        return True
    if (category, channel) == (Category.MARKETING, Channel.EMAIL) and preferences.marketing_mail:
        return True
    ways = {
        Category.TRANSACTIONAL: said.transactional,
        Category.REMINDER: said.reminders,
        Category.MARKETING: said.marketing,
    }[category]
    return {Channel.EMAIL: ways.email, Channel.SMS: ways.sms, Channel.IN_APP: ways.in_app}[channel]


def international(phone: str | None) -> str | None:
    """The number as E.164 writes it; None for one without its country, which no gateway can dial."""
    if phone is None or not phone.strip().startswith("+"):
        return None
    digits = re.sub(r"[^0-9]", "", phone)
    return f"+{digits}" if E164.fullmatch(digits) else None


def pause(attempts: int, *, chance: float) -> timedelta:
    """Before the next try after so many: doubling, half of it by `chance` (0 to 1), so that crowds disperse."""
    doubled: timedelta = min(FIRST_PAUSE * (1 << min(attempts - 1, 30)), LONGEST_PAUSE)
    return doubled * (0.5 + chance / 2)


def on_one_line(text: str) -> str:
    """For headers: every run of whitespace is one space; what controls or turns around text is gone."""
    kept = (char for char in " ".join(text.split()) if unicodedata.category(char) not in ("Cc", "Cs"))
    return "".join(char for char in kept if char not in TURNING)


def spoken_name(name: str | None) -> str:
    """The name to greet with; empty where it is none that one would print: strangers choose it."""
    spoken = on_one_line(name or "")
    return "" if len(spoken) > LONGEST_SPOKEN_NAME or LINK_LIKE.search(spoken) else spoken

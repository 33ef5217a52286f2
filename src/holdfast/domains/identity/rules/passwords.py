"""What a password must be: long, mixed, and not one that everybody tries first."""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

MIN_LENGTH = 10
# what people put around a common word to satisfy a rule like ours; more than that is taken for their own idea
DECORATION = 4

# letter shapes that guessing programs undo too
SHAPES = str.maketrans("@4301!$5+7", "aaeoiisstt")


class Weakness(StrEnum):
    """What a password lacks, or that it is common."""

    TOO_SHORT = "too_short"
    NO_UPPER = "no_upper"
    NO_LOWER = "no_lower"
    NO_DIGIT = "no_digit"
    NO_SPECIAL = "no_special"
    COMMON = "common"


ADVICE = {
    Weakness.TOO_SHORT: f"at least {MIN_LENGTH} characters",
    Weakness.NO_UPPER: "an upper-case letter",
    Weakness.NO_LOWER: "a lower-case letter",
    Weakness.NO_DIGIT: "a digit",
    Weakness.NO_SPECIAL: "a special character",
    Weakness.COMMON: "less common than this one",
}


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Some 30,000 lower-case passwords by frequency; read on first use: importing them takes 0.1 s."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(FREQUENCY_LISTS["passwords"])


def weaknesses(password: str) -> list[Weakness]:
    """Everything that is wrong with it; empty for a good one."""
    found = {
        Weakness.TOO_SHORT: len(password) < MIN_LENGTH,
        Weakness.NO_UPPER: not any(char.isupper() for char in password),
        Weakness.NO_LOWER: not any(char.islower() for char in password),
        Weakness.NO_DIGIT: not any(char.isdigit() for char in password),
        Weakness.NO_SPECIAL: all(char.isalnum() or char.isspace() for char in password),
        Weakness.COMMON: is_common(password),
    }
    return [weakness for weakness, is_so in found.items() if is_so]


def is_common(password: str) -> bool:
    """A password of the list, or one in disguise: `P@ssw0rd123!` is `password`."""
    lowered = password.lower()
    shapes = {lowered, lowered.translate(SHAPES)}
    return any(form in common_passwords() for shape in shapes for form in undecorated(shape))


def undecorated(text: str) -> Iterator[str]:
    """The text without some or all of the digits and signs around it, at most four."""
    for before in range(DECORATION + 1):
        if any(char.isalpha() for char in text[:before]):
            return
        for after in range(DECORATION + 1 - before):
            end = len(text) - after
            if any(char.isalpha() for char in text[end:]):
                break
            yield text[before:end]

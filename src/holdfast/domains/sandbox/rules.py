"""What each test card does, and how long a webhook is tried.

stage        sandbox_ok   sandbox_declined   sandbox_second_step   sandbox_pending   right code   wrong code
open         succeeded    failed             code                  processing        -            -
code         succeeded    failed             code                  processing        succeeded    code, at the
all others   stay what they are                                                                   third: failed
"""

from dataclasses import dataclass
from datetime import timedelta

from holdfast.contracts.sandbox import CheckoutStage, TestCard

CODE = "123456"
MAX_WRONG_CODES = 3
SETTLES_AFTER = timedelta(seconds=2)

DECLINED = "the card was declined"
WRONG_CODES = "the code was wrong three times"

OPEN = frozenset({CheckoutStage.OPEN, CheckoutStage.CODE})
ENDED = frozenset({CheckoutStage.SUCCEEDED, CheckoutStage.FAILED, CheckoutStage.CANCELLED})

# tries after about 1, 2, 4 … seconds, then every ten minutes: given up after about two hours
MAX_ATTEMPTS = 20
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True)
class Outcome:
    """What a checkout becomes."""

    stage: CheckoutStage
    failure: str | None = None
    settles_after: timedelta | None = None
    wrong_codes: int = 0


OUTCOMES = {
    TestCard.OK: Outcome(CheckoutStage.SUCCEEDED),
    TestCard.DECLINED: Outcome(CheckoutStage.FAILED, DECLINED),
    TestCard.SECOND_STEP: Outcome(CheckoutStage.CODE),
    TestCard.PENDING: Outcome(CheckoutStage.PROCESSING, settles_after=SETTLES_AFTER),
}


def outcome_of_code(code: str, *, wrong_before: int) -> Outcome:
    if code == CODE:
        return Outcome(CheckoutStage.SUCCEEDED, wrong_codes=wrong_before)
    wrong = wrong_before + 1
    if wrong >= MAX_WRONG_CODES:
        return Outcome(CheckoutStage.FAILED, WRONG_CODES, wrong_codes=wrong)
    return Outcome(CheckoutStage.CODE, wrong_codes=wrong)


def pause(attempts: int, *, chance: float) -> timedelta:
    """Before the next try after so many: doubling, half of it by `chance` (0 to 1)."""
    doubled: timedelta = min(FIRST_PAUSE * (1 << min(attempts - 1, 30)), LONGEST_PAUSE)
    return doubled * (0.5 + chance / 2)

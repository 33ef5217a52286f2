"""Booking references: what a guest reads out over the phone.

Eight characters of an alphabet without 0/O, 1/I/L and U, in two groups: 30**8 = 6.6e11 of them, so among five
million bookings one new reference in 130,000 collides and is drawn again.
"""

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 4


def new_reference() -> str:
    """A fresh reference such as K7QM-3XRD, from the operating system's CSPRNG, telling nothing of the booking."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(2 * GROUP))
    return f"{drawn[:GROUP]}-{drawn[GROUP:]}"


def normalised(spoken: str) -> str:
    """A reference as it is stored, from however it was typed: `k7qm 3xrd` is K7QM-3XRD."""
    drawn = "".join(char for char in spoken.upper() if char.isalnum())
    return f"{drawn[:GROUP]}-{drawn[GROUP:]}"

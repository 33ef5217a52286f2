"""What one process knows to write and send its messages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Office:
    """`sealing_key`: 32 bytes; `language` is for who said none; `texts`: whether text messages find a way out;
    `review_url`: where guests are asked to say how it was.

    The hours are before a booking's start; none for 0.
    """

    sealing_key: bytes
    language: str = "en"
    texts: bool = False
    reminder_hours: int = 24
    balance_hours: int = 72
    review_url: str | None = None

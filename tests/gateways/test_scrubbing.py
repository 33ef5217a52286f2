"""What is masked in the text of a failure before it is told outside."""

import pytest

from holdfast.gateways.sentry import masked


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'duplicate key value violates unique constraint "users_email_key"\nDETAIL: Key (email)=(a@b.org)',
            'duplicate key value violates unique constraint "users_email_key"',
        ),
        (
            "invalid input for query argument $1: 'Ann Example' (expected str)",
            "invalid input for query argument $1: … (expected str)",
        ),
        ('he said "O\'Brien, Ann"', "he said …"),
        ("no room for ann@example.org", "no room for …"),
        ("call +49 30 123456-78 back", "call … back"),
        ("card 4242 4242 4242 4242", "card …"),
        ("cannot reach postgresql://user:secret@db.example.org/holdfast now", "cannot reach … now"),
        ("bad token eyJhbGciOiJFUzI1NiJ9abc.eyJzdWIiOiIxIn0.sig", "bad token …"),
        ("otp=493817, tries=3", "otp…, tries…"),
        ("list index out of range", "list index out of range"),
        ("x" * 1_000, "x" * 300),
    ],
)
def test_what_looks_like_data_is_masked(text: str, told: str) -> None:
    assert masked(text) == told

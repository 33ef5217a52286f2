"""Identifiers: time-ordered, so that new rows land at the end of their index (RFC 9562, version 7)."""

from uuid import UUID

from uuid_utils.compat import uuid7 as new_uuid7


def uuid7() -> UUID:
    return new_uuid7()

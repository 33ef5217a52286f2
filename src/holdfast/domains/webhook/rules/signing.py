"""Standard Webhooks: what a message says, and its signature (HMAC-SHA256 over id, timestamp and body).

The secret is `whsec_` and the base64 of its bytes; during a rotation there is a signature for every secret that is
still valid, with a space between them, and a receiver takes any that fits.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from pydantic import JsonValue

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def message(type_: str, occurred_at: datetime, data: Mapping[str, JsonValue]) -> str:
    """The body, which every try sends byte for byte."""
    instant = occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": type_, "timestamp": instant, "data": data}, separators=(",", ":"))


def signature(secret: str, message_id: str, *, timestamp: int, body: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = f"{message_id}.{timestamp}.{body}".encode()
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(valid: Sequence[str], event_id: UUID, *, body: str, now: datetime) -> dict[str, str]:
    """`valid`: the secrets to sign with, the present one first."""
    timestamp, message_id = int(now.timestamp()), str(event_id)
    signed = (signature(secret, message_id, timestamp=timestamp, body=body) for secret in valid)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }

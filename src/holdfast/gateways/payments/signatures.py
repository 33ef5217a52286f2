"""HMAC signatures of webhooks, over the raw body and in constant time. Every way to be wrong is BadSignature.

plain         hex(HMAC-SHA256(secret, body))
timestamped   t=<Unix seconds>,v1=hex(HMAC-SHA256(secret, "<t>.<body>")), several v1 while a secret is changed
"""

import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from pydantic import SecretStr

from holdfast.domains.payment.exceptions import BadSignature, WebhookNotConfigured

# how far a sender's clock, and the way here, may be off (Stripe's own default)
TOLERANCE = timedelta(minutes=5)
DIGEST = re.compile(r"[0-9a-f]{64}")
SECONDS = re.compile(r"[0-9]{1,11}")


def hex_hmac(secret: bytes, message: bytes) -> str:
    return hmac.new(secret, message, sha256).hexdigest()


def configured(secret: SecretStr | None, setting: str) -> bytes:
    """The secret's bytes; WebhookNotConfigured names the setting."""
    if secret is None or not secret.get_secret_value():
        raise WebhookNotConfigured(f"set {setting}")
    return secret.get_secret_value().encode()


def is_signed(secret: bytes, message: bytes, signature: str) -> bool:
    """In constant time, whatever the signature holds."""
    return hmac.compare_digest(hex_hmac(secret, message).encode(), signature.encode(errors="replace"))


def require_plain(secret: bytes, body: bytes, signature: str | None) -> None:
    if signature is None or not is_signed(secret, body, signature):
        raise BadSignature


def require_timestamped(secret: bytes, body: bytes, header: str | None, *, now: datetime) -> None:
    """Signed in one of its ways, and lately: an old message is one that somebody kept."""
    pairs = list(parts(header or ""))
    times = [value for name, value in pairs if name == "t"]
    if len(times) != 1 or not SECONDS.fullmatch(times[0]):
        raise BadSignature("it says no time")
    message = f"{times[0]}.".encode() + body
    offered = [value for name, value in pairs if name == "v1"]
    # no `any`: every one of them is compared
    if not sum(is_signed(secret, message, each) for each in offered):
        raise BadSignature
    require_lately(datetime.fromtimestamp(int(times[0]), UTC), now=now)


def require_lately(said_at: datetime, *, now: datetime) -> None:
    if abs(now - said_at) > TOLERANCE:
        raise BadSignature(f"it was signed more than {TOLERANCE.seconds // 60} minutes away from now")


def timestamped(secret: bytes, body: bytes, *, now: datetime) -> str:
    """The header that `require_timestamped` takes."""
    seconds = int(now.timestamp())
    return f"t={seconds},v1={hex_hmac(secret, f'{seconds}.'.encode() + body)}"


def parts(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        yield name, value

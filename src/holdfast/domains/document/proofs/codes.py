"""The code on a voucher: what it opens, signed so that a door can read it without asking anybody.

    HF1:<base32 of body and signature, without padding>

    body   1 byte   version, 1
           4 bytes  key id: the first of the SHA-256 of the public key
          16 bytes  booking, 16 bytes venue (UUIDs)
           8 bytes  from and until, seconds since 1970, 4 bytes each
           2 bytes  people
          12 bytes  reference in ASCII, filled up with spaces
    then  64 bytes  Ed25519 signature of the body (RFC 8032)

All numbers are unsigned, the highest byte first. In capital letters and digits a QR code needs a third less room.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.contracts.booking import BookingId
from holdfast.contracts.inventory import VenueId
from holdfast.domains.document.exceptions import CheckInCodeInvalid

PREFIX = "HF1:"
VERSION = 1
BODY = struct.Struct(">B4s16s16sIIH12s")
SIGNATURE_BYTES = 64
LATEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom the code lets in, where and when, as it was when the voucher was made."""

    booking_id: BookingId
    venue_id: VenueId
    start_at: datetime
    end_at: datetime
    party_size: int
    reference: str


@dataclass(frozen=True)
class CheckInCodes:
    """Signs with the key of these 32 bytes, and reads what that key signed."""

    seed: bytes

    def issue(self, admission: Admission) -> str:
        body = BODY.pack(
            VERSION,
            self.key_id,
            admission.booking_id.bytes,
            admission.venue_id.bytes,
            epoch(admission.start_at),
            epoch(admission.end_at),
            min(admission.party_size, 2**16 - 1),
            admission.reference.encode().ljust(12)[:12],
        )
        signed = body + self.private.sign(body)
        return PREFIX + base64.b32encode(signed).decode().rstrip("=")

    def read(self, code: str) -> Admission:
        """CheckInCodeInvalid. Letters may come small, as some scanners make them."""
        return read(code, self.private.public_key(), self.key_id)

    @cached_property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def public_bytes(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @cached_property
    def key_id(self) -> bytes:
        return sha256(self.public_bytes).digest()[:4]

    @property
    def jwk(self) -> dict[str, str]:
        """The public key (RFC 8037)."""
        x = base64.urlsafe_b64encode(self.public_bytes).decode().rstrip("=")
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.key_id.hex(), "x": x}


def read(code: str, key: Ed25519PublicKey, key_id: bytes) -> Admission:
    """What a door does: only the public key is needed. CheckInCodeInvalid."""
    try:
        text = code.upper().removeprefix(PREFIX)
        signed = base64.b32decode(text + "=" * (-len(text) % 8))
        body, signature = signed[:-SIGNATURE_BYTES], signed[-SIGNATURE_BYTES:]
        version, kid, booking, venue, start, end, people, reference = BODY.unpack(body)
        if version != VERSION or kid != key_id or not code.upper().startswith(PREFIX):
            raise CheckInCodeInvalid(pointer="/code")
        key.verify(signature, body)
    except (binascii.Error, struct.error, InvalidSignature, ValueError) as error:
        raise CheckInCodeInvalid(pointer="/code") from error
    return Admission(
        booking_id=BookingId(UUID(bytes=booking)),
        venue_id=VenueId(UUID(bytes=venue)),
        start_at=datetime.fromtimestamp(start, UTC),
        end_at=datetime.fromtimestamp(end, UTC),
        party_size=people,
        reference=reference.decode().rstrip(),
    )


def epoch(instant: datetime) -> int:
    """Until 2106, then the last second that fits: the booking itself knows better."""
    return min(max(int(instant.timestamp()), 0), LATEST)

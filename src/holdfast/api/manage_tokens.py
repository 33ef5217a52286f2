"""The token that a guest without an account gets for one booking: to read it and to cancel it, nothing else."""

from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import SecretStr

from holdfast.contracts.identity import Actor, ActorType
from holdfast.kernel.errors import Unauthorized
from holdfast.kernel.keys import derived_key

PREFIX = "bk_"


class ManageTokenInvalid(Unauthorized):
    """This is not a token for a booking."""


class ManageTokens:
    """Signs and reads them. A token lives as long as its booking: the guest may read it years later."""

    def __init__(self, master: SecretStr) -> None:
        self.signer = URLSafeSerializer(derived_key(master, "manage-token"), salt="booking")

    def issue(self, booking_id: UUID) -> str:
        return PREFIX + str(self.signer.dumps(booking_id.hex))

    def read(self, token: str) -> Actor:
        """The guest of that booking, or ManageTokenInvalid."""
        try:
            booking_id = UUID(hex=self.signer.loads(token.removeprefix(PREFIX)))
        except (BadSignature, ValueError, TypeError, AttributeError) as error:
            raise ManageTokenInvalid from error
        return Actor(type=ActorType.GUEST, booking_id=booking_id)

"""What Holdfast says instead of yes.

    Refusal                     a rule of the house says no; the class is the message
    ├── Invalid        422      ├── Forbidden      403
    ├── NotFound       404      ├── Unauthorized   401
    ├── Conflict       409      ├── PaymentRefused 402
    ├── Gone           410      ├── TooMany        429
    └── Unavailable    503
        ├── Busy                the database asked to try again (deadlock, lock or statement timeout)
        └── DatabaseUnreachable
    DatabaseError               anything else SQLAlchemy raises: a defect, told to the client as a bare 500

Clients match `type`, never prose. Problem documents follow RFC 9457.
"""

import re
from typing import ClassVar, cast

type_boundary = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


class Refusal(Exception):
    """The request was refused."""

    status: ClassVar[int] = 400

    def __init__(
        self,
        detail: str | None = None,
        *,
        pointer: str | None = None,
        retry_after: int | None = None,
        **facts: object,
    ) -> None:
        """`pointer` names the field at fault (RFC 6901); `facts` become members of the problem document."""
        super().__init__(detail or self.title())
        self.detail = detail
        self.pointer = pointer
        self.retry_after = retry_after
        self.facts = cast(dict[str, JsonValue], facts)

    @classmethod
    def title(cls) -> str:
        """The class's one sentence, without its full stop."""
        return (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")

    @classmethod
    def problem_type(cls) -> str:
        """`SlotTaken` is `slot-taken`."""
        return type_boundary.sub("-", cls.__name__).lower()


class Invalid(Refusal):
    """The request cannot be understood."""

    status = 422


class NotFound(Refusal):
    """There is no such thing, or it is not yours to see."""

    status = 404


class Conflict(Refusal):
    """The request conflicts with the present state."""

    status = 409


class Gone(Refusal):
    """It existed and does no longer."""

    status = 410


class Forbidden(Refusal):
    """You may not do this."""

    status = 403


class Unauthorized(Refusal):
    """Say who you are first."""

    status = 401


class RefusedByPolicy(Forbidden):
    """This is not yours to read or change."""


class PaymentRefused(Refusal):
    """The payment was refused."""

    status = 402


class TooMany(Refusal):
    """Too many requests."""

    status = 429


class Unavailable(Refusal):
    """This cannot be served right now."""

    status = 503


class Busy(Unavailable):
    """Others hold what this request needs; try again."""


class DatabaseUnreachable(Unavailable):
    """The database cannot be reached right now."""


class DatabaseError(Exception):
    """The database answered in a way nobody planned for."""

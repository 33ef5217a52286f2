"""What goes with a message, fetched as it is sent."""

from collections.abc import Sequence
from datetime import datetime

from holdfast.contracts.document import AttachmentRef
from holdfast.domains.notification.exceptions import Deferred, Rejected
from holdfast.domains.notification.ports import Documents, Enclosure
from holdfast.kernel.errors import NotFound, Refusal

# most mail servers take 25 MB, and base64 makes four bytes of three
MAX_ENCLOSED = 10 * 1024 * 1024


async def enclosures(
    named: Sequence[AttachmentRef], documents: Documents | None, *, now: datetime
) -> tuple[Enclosure, ...]:
    """Rejected for one that is gone, or for more than 10 MiB in all; Deferred while one cannot be had."""
    found: list[Enclosure] = []
    for ref in named:
        if documents is None:
            raise Deferred("this process has no documents to send along")
        try:
            file = await documents.file(ref.document_id, now=now)
        except NotFound as refusal:
            raise Rejected(f"{ref.filename} is gone: {refusal}") from refusal
        except Refusal as refusal:
            raise Deferred(f"{ref.filename} cannot be had: {refusal}") from refusal
        found.append(Enclosure(ref.filename, file.media_type, file.content))
        if sum(len(each.content) for each in found) > MAX_ENCLOSED:
            raise Rejected(f"what is enclosed is larger than {MAX_ENCLOSED} bytes")
    return tuple(found)

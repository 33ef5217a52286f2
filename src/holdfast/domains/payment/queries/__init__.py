"""Every statement on schema `payment`. Lock order: a booking and its intents by id, its captures by id, a
refund."""

from dataclasses import fields
from typing import Any


def columns_of(record: Any) -> dict[str, object]:
    """A record's values by column; dataclasses.asdict would copy every JSON document in it."""
    return {field.name: getattr(record, field.name) for field in fields(record)}

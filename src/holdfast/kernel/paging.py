"""Pages of long lists."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from holdfast.kernel.contract import Contract

MAX_LIMIT = 200

Item = TypeVar("Item")


class PageRequest(Contract):
    """Which page is asked for: pages count from 1, a page holds at most 200 items."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


class Page(Contract, Generic[Item]):
    """One page and the length of the whole list."""

    items: list[Item]
    page: int
    limit: int
    total: int

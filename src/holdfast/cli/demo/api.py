"""Requests to the server and what it answers, typed by the contracts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel

from holdfast.contracts.inventory import Alternative
from holdfast.kernel.contract import Contract
from holdfast.kernel.paging import MAX_LIMIT, Page

View = TypeVar("View", bound=BaseModel)


class Problem(BaseModel):
    """What the story reads of a refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    reason: str | None = None
    amount: str | None = None
    currency: str | None = None
    alternatives: list[Alternative] = []


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    answer: httpx.Response

    @property
    def status(self) -> HTTPStatus:
        return HTTPStatus(self.answer.status_code)

    @property
    def milliseconds(self) -> float:
        return self.answer.elapsed.total_seconds() * 1000

    def read(self, view: type[View]) -> View:
        return view.model_validate_json(self.answer.content)


class Unexpected(Exception):
    """The server answered something that the story does not know."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(f"{exchange.method} {exchange.path} answered {exchange.status}: {exchange.answer.text}")


class Api:
    """Calls as whoever holds the token; as nobody without one."""

    def __init__(self, client: httpx.Client, token: str | None = None) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def holding(self, token: str) -> "Api":
        return Api(self.client, token)

    def ask(
        self,
        method: str,
        path: str,
        body: Contract | None = None,
        *,
        expect: HTTPStatus = HTTPStatus.OK,
        query: Mapping[str, str | int] | None = None,
    ) -> Exchange:
        """Send it; Unexpected unless the answer has the status that the story counts on."""
        content = None if body is None else body.model_dump_json(exclude_unset=True)
        headers = self.headers if body is None else {**self.headers, "Content-Type": "application/json"}
        answer = self.client.request(method, path, params=query, content=content, headers=headers)
        exchange = Exchange(method, path, answer)
        if exchange.status != expect:
            raise Unexpected(exchange)
        return exchange

    def each(self, path: str, view: type[View], query: Mapping[str, str | int]) -> Iterator[View]:
        """Everything of a list, page by page."""
        number, seen = 1, 0
        while True:
            asked = self.ask("GET", path, query={**query, "page": number, "limit": MAX_LIMIT})
            page = asked.read(Page[view])  # type: ignore[valid-type]
            yield from page.items
            seen += len(page.items)
            if not page.items or seen >= page.total:
                return
            number += 1

"""What an issuer's server may do to us when its keys are asked for: nothing, whatever it answers."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from holdfast.domains.identity.exceptions import ProviderUnavailable
from holdfast.gateways.published_keys import MAX_BYTES, published

KEYS = {"keys": [{"kty": "RSA"}]}


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def answering(
    tell: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[str, list[str]]]:
    """A server's URL, and the requests that it is sent."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        try:
            await tell(writer)
        except ConnectionError:
            pass  # who asked has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks", asked


async def refused(body: bytes) -> list[str]:
    """The requests that it took to find this answer no good."""

    async def tell(writer: asyncio.StreamWriter) -> None:
        writer.write(body)
        await writer.drain()

    async with answering(tell) as (url, asked):
        with pytest.raises(ProviderUnavailable):
            await published(url)
    return asked


async def test_keys_are_read_as_they_are() -> None:
    async def tell(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(json.dumps(KEYS).encode()))

    async with answering(tell) as (url, asked):
        assert await published(url) == KEYS
    assert "accept-encoding: identity" in asked[0].lower()


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async def inside(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(json.dumps(KEYS).encode()))

    async with answering(inside) as (target, reached):
        assert len(await refused(answer(b"", status, f"Location: {target}"))) == 1
        assert reached == [], "where the issuer points is nobody's business of ours"


async def test_what_is_too_large_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 100 * MAX_BYTES:
            writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
            await writer.drain()
            sent += 65_536

    async with answering(endless) as (url, _):
        with pytest.raises(ProviderUnavailable):
            await published(url)
    assert sent < 100 * MAX_BYTES
    assert len(await refused(answer(gzip.compress(b" " * MAX_BYTES), "200 OK", "Content-Encoding: gzip"))) == 1


async def test_who_sends_byte_by_byte_is_not_waited_for() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with answering(drip) as (url, _):
        with pytest.raises(ProviderUnavailable):
            await published(url, patience=0.3)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b"<html>"])
async def test_what_is_no_object_is_no_set_of_keys(body: bytes) -> None:
    assert len(await refused(answer(body))) == 1

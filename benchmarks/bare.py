"""The least that can answer over HTTP: ASGI and asyncpg, one select, no framework no questions asked."""

import json
import os
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

Message = dict[str, Any]

READ = "SELECT * FROM booking.bookings WHERE id = $1"
CHECK = """
SELECT r.*, v.timezone, (SELECT count(*) FROM inventory.allocations a WHERE a.active AND a.resource_id = r.id
    AND a.during && tstzrange($2, $3)) AS taken
FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id WHERE r.id = $1
"""


class Bare:
    """GET /api/v1/bookings/{id} and POST /api/v1/inventory/check-availability, as PostgreSQL answers."""

    pool: asyncpg.Pool

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["path"] == "/readyz":
            await answer(send, {})
        elif scope["method"] == "GET":
            row = await self.pool.fetchrow(READ, UUID(scope["path"].rpartition("/")[2]))
            await answer(send, dict(row))
        else:
            asked = json.loads((await receive())["body"])
            start, end = (datetime.fromisoformat(asked[name]) for name in ("start_at", "end_at"))
            row = await self.pool.fetchrow(CHECK, UUID(asked["resource_id"]), start, end)
            await answer(send, {"available": not row["taken"], "remaining": 1 - row["taken"], "reason": None})

    async def live(self, receive: Any, send: Any) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(os.environ["HOLDFAST_DATABASE_URL"], min_size=5, max_size=15)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def answer(send: Any, document: dict[str, Any]) -> None:
    body = json.dumps(document, default=str).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = Bare()

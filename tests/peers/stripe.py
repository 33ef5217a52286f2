"""localstripe as a process of its own; before it what it lacks: idempotency keys, newer fields, faults."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.peer import HOST, Json, Peer, serving
from tests.redis_server import free_port

SECRET_KEY, WEBHOOK_SECRET = "sk_of_the_tests", "webhook secret of the tests"
# Stripe's own test cards
GOOD, DECLINED, SECOND_STEP = "4242424242424242", "4000000000000341", "4000002500003155"
# of newer API versions than the one that localstripe speaks
NEWER = ("allowed_payment_method_types", "description")
# it keeps what it was told in a file of everybody's, unless it is kept from it
PROGRAM = """
import sys
from aiohttp import web
from localstripe.resources import store
from localstripe.server import app
type(store).dump_to_disk = lambda self: None
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@dataclass
class Stripe(Peer):
    key_header: str = "idempotency-key"
    behind: str = ""
    keys: dict[str, tuple[bytes, int, bytes]] = field(default_factory=dict)

    def routes(self) -> Sequence[Route]:
        return [Route("/{path:path}", self.forward, methods=["GET", "POST", "DELETE"])]

    async def forward(self, request: Request) -> Response:
        key, body = request.headers.get(self.key_header), await request.body()
        if key in self.keys:
            before, status, content = self.keys[key]
            if before == body:
                return Response(content, status, {"Idempotent-Replayed": "true"}, "application/json")
            said = {"type": "idempotency_error", "message": "the same key with another request"}
            return JSONResponse({"error": said}, 400)
        fields = [(name, value) for name, value in parse_qsl(body.decode()) if not name.startswith(NEWER)]
        async with httpx.AsyncClient(base_url=self.behind, trust_env=False) as http:
            answer = await http.request(
                request.method,
                request.url.path,
                params=[each for each in request.query_params.multi_items() if not self.lacks(request, each[0])],
                content=urlencode(fields).encode(),
                headers={
                    "authorization": request.headers["authorization"],
                    "content-type": "application/x-www-form-urlencoded",
                },
            )
        if key is not None and not answer.is_server_error:
            self.keys[key] = (body, answer.status_code, answer.content)
        return Response(answer.content, answer.status_code, media_type="application/json")

    def lacks(self, request: Request, name: str) -> bool:
        """It lists every refund there is."""
        return request.url.path == "/v1/refunds" and name.startswith("created")

    # --- the guest in front of Stripe's elements

    def card(self, number: str) -> str:
        """A payment method of this card."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        form = {"type": "card", **{f"card[{name}]": str(value) for name, value in card.items()}}
        return str(self.post("/v1/payment_methods", form)["id"])

    def authenticate(self, ref: str, client_secret: Any, *, success: bool) -> Json:
        form = {"client_secret": str(client_secret), "success": str(success).lower()}
        return self.post(f"/v1/payment_intents/{ref}/_authenticate", form)

    def post(self, path: str, form: dict[str, str]) -> Json:
        auth = {"Authorization": f"Bearer {SECRET_KEY}"}
        answer = httpx.post(f"{self.behind}{path}", data=form, headers=auth, trust_env=False)
        found: Json = answer.json()
        return found


@contextmanager
def localstripe() -> Iterator[Stripe]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], stderr=subprocess.DEVNULL)
    peer = Stripe(behind=f"http://{HOST}:{port}")
    try:
        until = time.monotonic() + 180
        while not answers(peer.behind):
            assert process.poll() is None, "localstripe has ended"
            assert time.monotonic() < until, "localstripe does not answer"
            time.sleep(0.05)
        with serving(peer):
            yield peer
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/balance", timeout=5, trust_env=False).status_code == 401
    except httpx.TransportError:
        return False

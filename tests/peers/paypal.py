"""PayPal's tokens, Orders v2 and Payments v2 as its documentation has them."""

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.peer import Json, Peer, said

CLIENT_ID, CLIENT_SECRET = "client-of-the-tests", "secret of the tests"


def refused(status: int, name: str, issue: str | None = None) -> Response:
    details = [{"issue": issue, "description": "as documented"}] if issue else []
    return JSONResponse({"name": name, "message": f"{name} happened.", "details": details}, status)


@dataclass
class Paypal(Peer):
    key_header: str = "paypal-request-id"
    orders: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    refunded: dict[str, Decimal] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[int, Json]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    declining: set[str] = field(default_factory=set)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # --- the guest on PayPal's page

    def approve(self, order_id: str, *, declined: bool = False) -> None:
        self.orders[order_id]["status"] = "APPROVED"
        if declined:
            self.declining.add(order_id)

    def forget_tokens(self) -> None:
        """Taken back before their time."""
        self.tokens.clear()

    # --- the API

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v1/oauth2/token", self.token, methods=["POST"]),
            Route("/v2/checkout/orders", self.create_order, methods=["POST"]),
            Route("/v2/checkout/orders/{id}", self.order),
            Route("/v2/checkout/orders/{id}/capture", self.capture, methods=["POST"]),
            Route("/v2/payments/captures/{id}/refund", self.refund, methods=["POST"]),
            Route("/v2/payments/refunds/{id}", self.one_refund),
        ]

    async def token(self, request: Request) -> Response:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"error": "invalid_client"}, 401)
        token = f"A21-{next(self.numbers)}"
        self.tokens.append(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 32_400})

    def stranger(self, request: Request) -> Response | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if token in self.tokens else refused(401, "INVALID_TOKEN")

    def known(self, request: Request) -> Response | None:
        """The same request id again is the same answer."""
        kept = self.keys.get((request.url.path, request.headers.get(self.key_header, "")))
        return JSONResponse(kept[1], kept[0]) if kept else None

    def keep(self, request: Request, status: int, answer: Json) -> Response:
        self.keys[request.url.path, request.headers[self.key_header]] = (status, answer)
        return JSONResponse(answer, status)

    async def create_order(self, request: Request) -> Response:
        if answer := self.stranger(request) or self.known(request):
            return answer
        wish = await said(request)
        amount = wish["purchase_units"][0]["amount"]
        if amount["currency_code"] in ("JPY", "HUF", "TWD") and "." in amount["value"]:
            return refused(422, "UNPROCESSABLE_ENTITY", "DECIMALS_NOT_SUPPORTED")
        order_id = f"{next(self.numbers):017}"
        order = {
            "id": order_id,
            "status": "PAYER_ACTION_REQUIRED",
            "purchase_units": [{"reference_id": "default", **wish["purchase_units"][0]}],
            "links": [
                {"rel": "self", "href": f"{self.url}/v2/checkout/orders/{order_id}"},
                {"rel": "payer-action", "href": f"https://www.paypal.example/checkoutnow?token={order_id}"},
            ],
        }
        self.orders[order_id] = order
        return self.keep(request, 201, order)

    async def order(self, request: Request) -> Response:
        if answer := self.stranger(request):
            return answer
        found = self.orders.get(request.path_params["id"])
        return JSONResponse(found) if found else refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")

    async def capture(self, request: Request) -> Response:
        if answer := self.stranger(request) or self.known(request):
            return answer
        order = self.orders[request.path_params["id"]]
        if order["status"] != "APPROVED":
            issue = "ORDER_ALREADY_CAPTURED" if order["status"] == "COMPLETED" else "ORDER_NOT_APPROVED"
            return refused(422, "UNPROCESSABLE_ENTITY", issue)
        if order["id"] in self.declining:
            return refused(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
        unit = order["purchase_units"][0]
        capture = {
            "id": f"CAP{next(self.numbers):014}",
            "status": "COMPLETED",
            "amount": unit["amount"],
            "custom_id": unit["custom_id"],
            "final_capture": True,
        }
        order["status"] = "COMPLETED"
        unit["payments"] = {"captures": [capture]}
        # as documented: the answer's purchase units have the payments, not what was ordered
        bare = [{"reference_id": "default", "payments": unit["payments"]}]
        return self.keep(request, 201, {**order, "purchase_units": bare})

    async def refund(self, request: Request) -> Response:
        if answer := self.stranger(request) or self.known(request):
            return answer
        capture_id, wish = request.path_params["id"], await said(request)
        units = [order["purchase_units"][0] for order in self.orders.values()]
        captures = [each for unit in units for each in unit.get("payments", {}).get("captures", [])]
        capture = next(each for each in captures if each["id"] == capture_id)
        total = self.refunded.get(capture_id, Decimal(0)) + Decimal(wish["amount"]["value"])
        if total > Decimal(capture["amount"]["value"]):
            return refused(422, "UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED")
        self.refunded[capture_id] = total
        refund_id = f"REF{next(self.numbers):014}"
        self.refunds[refund_id] = {
            "id": refund_id,
            "status": "COMPLETED",
            "amount": wish["amount"],
            "custom_id": wish["custom_id"],
            "links": [{"rel": "up", "href": f"{self.url}/v2/payments/captures/{capture_id}"}],
        }
        return self.keep(request, 201, self.refunds[refund_id])

    async def one_refund(self, request: Request) -> Response:
        if answer := self.stranger(request):
            return answer
        found = self.refunds.get(request.path_params["id"])
        return JSONResponse(found) if found else refused(404, "RESOURCE_NOT_FOUND")

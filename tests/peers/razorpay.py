"""Razorpay's orders, payments and refunds as its documentation has them."""

import base64
import hmac
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.peer import Json, Peer, said

KEY_ID, KEY_SECRET, WEBHOOK_SECRET = "key_of_the_tests", "secret of the tests", "webhook secret of the tests"
NOW = 1_893_999_600


def refused(description: str, status: int = 400) -> Response:
    return JSONResponse({"error": {"code": "BAD_REQUEST_ERROR", "description": description}}, status)


def signed(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, "sha256").hexdigest()


@dataclass
class Razorpay(Peer):
    key_header: str = "x-refund-idempotency"
    orders: dict[str, Json] = field(default_factory=dict)
    payments: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    keys: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # --- the guest in front of the checkout

    def pay(self, order_id: str, *, status: str = "captured") -> Json:
        """What the checkout hands over."""
        order = self.orders[order_id]
        payment_id = f"pay_{next(self.numbers):014}"
        self.payments[payment_id] = {
            "id": payment_id,
            "entity": "payment",
            "amount": order["amount"],
            "currency": order["currency"],
            "status": status,
            "order_id": order_id,
            "notes": [],
            "amount_refunded": 0,
            "error_description": "Payment was declined by the bank." if status == "failed" else None,
            "created_at": NOW,
        }
        return {
            "razorpay_order_id": order_id,
            "razorpay_payment_id": payment_id,
            "razorpay_signature": signed(f"{order_id}|{payment_id}".encode(), KEY_SECRET),
        }

    def event(self, kind: str, **entities: Json) -> tuple[dict[str, str], bytes]:
        """A webhook's headers and body."""
        payload = {name: {"entity": entity} for name, entity in entities.items()}
        body = json.dumps({"entity": "event", "event": kind, "payload": payload, "created_at": NOW}).encode()
        return {"x-razorpay-signature": signed(body, WEBHOOK_SECRET)}, body

    # --- the API

    def routes(self) -> Sequence[Route]:
        return [
            Route("/v1/orders", self.list_orders, methods=["GET"]),
            Route("/v1/orders", self.create_order, methods=["POST"]),
            Route("/v1/orders/{id}/payments", self.order_payments),
            Route("/v1/payments", self.list_payments),
            Route("/v1/payments/{id}", self.payment),
            Route("/v1/payments/{id}/capture", self.capture, methods=["POST"]),
            Route("/v1/payments/{id}/refund", self.refund, methods=["POST"]),
            Route("/v1/payments/{id}/refunds", self.payment_refunds),
            Route("/v1/refunds", self.list_refunds),
            Route("/v1/refunds/{id}", self.one_refund),
        ]

    def stranger(self, request: Request) -> Response | None:
        expected = base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()
        if request.headers.get("authorization") == f"Basic {expected}":
            return None
        return refused("Authentication failed", 401)

    async def list_orders(self, request: Request) -> Response:
        receipt = request.query_params.get("receipt")
        return collection([each for each in self.orders.values() if each["receipt"] == receipt])

    async def create_order(self, request: Request) -> Response:
        if answer := self.stranger(request):
            return answer
        wish = await said(request)
        if not isinstance(wish.get("amount"), int) or wish["amount"] < 100:
            return refused("Order amount less than minimum amount allowed")
        order_id = f"order_{next(self.numbers):014}"
        kept = {name: wish[name] for name in ("amount", "currency", "receipt", "notes")}
        self.orders[order_id] = {"id": order_id, "entity": "order", "status": "created", **kept}
        return JSONResponse(self.orders[order_id])

    async def order_payments(self, request: Request) -> Response:
        if request.path_params["id"] not in self.orders:
            return refused("The id provided does not exist")
        return collection(
            [each for each in self.payments.values() if each["order_id"] == request.path_params["id"]]
        )

    async def list_payments(self, request: Request) -> Response:
        return page_of(self.payments, request)

    async def list_refunds(self, request: Request) -> Response:
        return page_of(self.refunds, request)

    async def payment(self, request: Request) -> Response:
        found = self.payments.get(request.path_params["id"])
        return JSONResponse(found) if found else refused("The id provided does not exist")

    async def capture(self, request: Request) -> Response:
        payment, wish = self.payments[request.path_params["id"]], await said(request)
        if payment["status"] != "authorized" or wish["amount"] != payment["amount"]:
            return refused("This payment has already been captured")
        payment["status"] = "captured"
        return JSONResponse(payment)

    async def refund(self, request: Request) -> Response:
        key, body = request.headers[self.key_header], await request.body()
        if key in self.keys:
            before, refund_id = self.keys[key]
            return JSONResponse(self.refunds[refund_id]) if before == body else refused("Different request body")
        payment, wish = self.payments[request.path_params["id"]], json.loads(body)
        if payment["amount_refunded"] + wish["amount"] > payment["amount"]:
            return refused("The total refund amount is greater than the refund payment amount")
        payment["amount_refunded"] += wish["amount"]
        refund_id = f"rfnd_{next(self.numbers):014}"
        self.refunds[refund_id] = {
            "id": refund_id,
            "entity": "refund",
            "amount": wish["amount"],
            "currency": payment["currency"],
            "payment_id": payment["id"],
            "notes": wish["notes"],
            "status": "processed",
            "created_at": NOW,
        }
        self.keys[key] = (body, refund_id)
        return JSONResponse(self.refunds[refund_id])

    async def payment_refunds(self, request: Request) -> Response:
        return collection(
            [each for each in self.refunds.values() if each["payment_id"] == request.path_params["id"]]
        )

    async def one_refund(self, request: Request) -> Response:
        found = self.refunds.get(request.path_params["id"])
        return JSONResponse(found) if found else refused("The id provided does not exist")


def page_of(entities: dict[str, Json], request: Request) -> Response:
    span = {name: int(value) for name, value in request.query_params.items()}
    found = [each for each in entities.values() if span["from"] <= each["created_at"] <= span["to"]]
    return collection(found[span["skip"] :][: span["count"]])


def collection(items: list[Json]) -> Response:
    return JSONResponse({"entity": "collection", "count": len(items), "items": items})

"""One small house, as the OpenAPI document shows it: an example of every request body and answer.

Checked by a test against the schemas they illustrate. A hotel in Berlin, a night for two, a deposit.
"""

from typing import Any

Json = dict[str, Any]

VENUE_ID = "0199f0c2-a7b1-7c2d-8a10-3f5e6d7c8b9a"
RESOURCE_ID = "0199f0c2-b3d4-7e5f-9a21-4b6c7d8e9f01"
OTHER_RESOURCE_ID = "0199f0c2-b3d4-7e5f-9a21-4b6c7d8e9f02"
RESERVATION_ID = "0199f0c3-0a1b-7c2d-8e3f-5a6b7c8d9e01"
INTENT_ID = "0199f0c3-5b1e-7a40-9c11-2f7d3e8a6b05"
ITEM_ID = "0199f0c3-5c2f-7b51-8d22-3a8e4f9b7c16"
TASK_ID = "0199f0c3-5d30-7c62-9e33-4b9f5a0c8d27"
BOOKING_ID = "0199f0c3-1c2d-7e3f-8a4b-6c7d8e9f0a12"
GUEST_ID = "0199f0c3-2d3e-7f4a-9b5c-7d8e9f0a1b23"
PASSENGER_ID = "0199f0c3-3e4f-7a5b-8c6d-8e9f0a1b2c34"
RATE_ID = "0199f0c3-4f5a-7b6c-9d7e-9f0a1b2c3d45"
FEE_RULE_ID = "0199f0c3-5a6b-7c7d-8e8f-0a1b2c3d4e56"
USER_ID = "0199f0c3-6b7c-7d8e-8f9a-0b1c2d3e4f56"
KEY_ID = "0199f0c3-7c8d-7e9f-8a0b-1c2d3e4f5a67"
MESSAGE_ID = "0199f0c3-8d9e-7fa0-9b1c-2d3e4f5a6b78"
NOTICE_ID = "0199f0c3-9eaf-7ab1-8c2d-3e4f5a6b7c89"
INTENT_ID = "0199f0c3-9eaf-70b1-8c2d-9dae1b2c3d4e"
REFUND_ID = "0199f0c3-af01-71c2-8d3e-aebf2c3d4e5f"
EVENT_ID = "0199f0c3-b012-72d3-8e4f-bf013d4e5f60"
POSTING_ID = "0199f0c3-c123-73e4-8f50-c0124e5f6071"
STAFF_ID = "00000000-0000-0000-0000-000000000000"

MADE_AT = "2030-01-07T08:00:00Z"
STAMPS: Json = {"created_at": MADE_AT, "updated_at": MADE_AT}
PERIOD: Json = {"start_at": "2030-01-11T15:00:00+01:00", "end_at": "2030-01-13T11:00:00+01:00"}
PERIOD_IN_UTC: Json = {"start_at": "2030-01-11T14:00:00Z", "end_at": "2030-01-13T10:00:00Z"}
NEXT_WEEK: Json = {"start_at": "2030-01-18T14:00:00Z", "end_at": "2030-01-20T10:00:00Z"}

VENUE: Json = {
    "name": "Seaview",
    "type": "hotel",
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "address": "1 Harbour Road",
}
VENUE_VIEW: Json = {**VENUE, "id": VENUE_ID, "supplier_id": None, **STAMPS}
VENUE_SUMMARY: Json = {"id": VENUE_ID, "type": "hotel", "name": "Seaview"}

RULES: Json = {
    "opening_hours": [
        {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "07:00", "closes": "23:00"}
    ],
    "exceptions": [{"date": "2030-12-24", "closed": True}],
    "min_notice_minutes": 120,
    "max_advance_days": 365,
    "min_duration_minutes": 1440,
    "max_duration_minutes": 43200,
}
RESOURCE: Json = {
    "venue_id": VENUE_ID,
    "name": "Double room",
    "kind": "room",
    "mode": "pooled",
    "capacity": 12,
    "bucket_minutes": "night",
    "places_per_unit": 2,
    **RULES,
}
RESOURCE_VIEW: Json = {
    **RESOURCE,
    "id": RESOURCE_ID,
    "exceptions": [{"date": "2030-12-24", "closed": True, "opens": None, "closes": None}],
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
    "grid_minutes": None,
    "timezone": "Europe/Berlin",
    "active": True,
    **STAMPS,
}

RESERVATION: Json = {
    "reservation_id": RESERVATION_ID,
    "booking_id": BOOKING_ID,
    "item": 1,
    "resource_id": RESOURCE_ID,
    "venue": VENUE_SUMMARY,
    "supplier_id": None,
    **PERIOD_IN_UTC,
    "quantity": 2,
    "units": 1,
    "status": "held",
    "expires_at": "2030-01-07T08:15:00Z",
}

RATE: Json = {
    "resource_id": RESOURCE_ID,
    "name": "Room with breakfast",
    "amount": "120.00",
    "currency": "EUR",
    "per": "night",
    "terms": "deposit",
    "deposit_percent": "30",
    "adjustments": [{"kind": "weekday", "label": "Saturday", "days": ["sat"], "amount": "30.00"}],
    "taxes": [{"label": "VAT", "percent": "7", "included": True}],
}
RATE_VIEW: Json = {
    **RATE,
    "id": RATE_ID,
    "adjustments": [
        {"kind": "weekday", "label": "Saturday", "days": ["sat"], "amount": "30.00", "percent": None},
    ],
    "valid_from": None,
    "valid_to": None,
    "active": True,
    "created_at": MADE_AT,
}
FEE_RULE: Json = {"label": "Service", "percent": "1.5", "venue_type": "hotel"}
FEE_RULE_VIEW: Json = {
    **FEE_RULE,
    "id": FEE_RULE_ID,
    "currency": None,
    "fixed": None,
    "minimum": None,
    "maximum": None,
    "channel": None,
    "active": True,
    "created_at": MADE_AT,
}
LINES: list[Json] = [
    {"kind": "rate", "label": "Fri 11 Jan", "quantity": "1", "unit_amount": "120.00", "amount": "120.00"},
    {"kind": "rate", "label": "Sat 12 Jan", "quantity": "1", "unit_amount": "150.00", "amount": "150.00"},
    {"kind": "fee", "label": "Service", "quantity": "1", "unit_amount": "4.05", "amount": "4.05"},
    {
        "kind": "tax",
        "label": "VAT",
        "quantity": "0",
        "unit_amount": "17.93",
        "amount": "0.00",
        "included": True,
        "percent": "7",
    },
]
PRICE: Json = {
    "currency": "EUR",
    "lines": [{"included": False, "percent": None, **line} for line in LINES],
    "subtotal": "270.00",
    "fees": "4.05",
    "taxes": "17.93",
    "total": "274.05",
    "due_now": "82.22",
    "terms": "deposit",
}

GUEST: Json = {"name": "Guest", "email": "guest@example.org", "phone": "+49 30 1234567"}
BOOKING: Json = {
    "id": BOOKING_ID,
    "reference": "K7QM-3XRD",
    "status": "PENDING",
    "lifecycle_status": "booking_created",
    "version": 1,
    "resource_id": RESOURCE_ID,
    "reservation_id": RESERVATION_ID,
    "venue": VENUE_SUMMARY,
    "guest": {"id": GUEST_ID, **GUEST},
    **PERIOD_IN_UTC,
    "duration_minutes": 2640,
    "party_size": 2,
    "price": PRICE,
    "balance": "82.22",
    "outstanding": "274.05",
    "payment": {
        "intent_id": INTENT_ID,
        "provider": "sandbox",
        "status": "requires_action",
        "amount": "82.22",
        "checkout_url": f"http://127.0.0.1:8000/pay/{INTENT_ID}",
    },
    "refund_due": None,
    "notes": "A quiet room",
    "metadata": {"source": "web"},
    "expires_at": "2030-01-07T08:15:00Z",
    **STAMPS,
    "confirmed_at": None,
    "checked_in_at": None,
    "completed_at": None,
    "cancelled_at": None,
}
STEP: Json = {
    "version": 1,
    "from_status": None,
    "to_status": "PENDING",
    "from_lifecycle_status": None,
    "to_lifecycle_status": "booking_created",
    "actor_type": "staff",
    "actor_id": STAFF_ID,
    "reason": None,
    "note": None,
    "override": False,
    "idempotency_key": "7f1c5a0e",
    "metadata": {},
    "at": MADE_AT,
}
PASSENGER: Json = {
    "full_name": "Guest",
    "date_of_birth": "1990-05-17",
    "nationality": "DE",
    "passport_number": "C01X00T47",
    "passport_expires_on": "2034-05-16",
    "passport_country": "DE",
    "email": "guest@example.org",
    "phone": "+49 30 1234567",
}
PASSENGER_VIEW: Json = {"id": PASSENGER_ID, "booking_id": BOOKING_ID, **PASSENGER, "created_at": MADE_AT}

EMAIL = "guest@example.org"
USER: Json = {
    "id": USER_ID,
    "email": EMAIL,
    "full_name": "Guest",
    "phone": "+49 30 1234567",
    "email_verified": True,
    "roles": ["customer"],
    "banned_at": None,
    "created_at": MADE_AT,
}
PREFERENCES: Json = {
    "language": "en",
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "marketing_mail": False,
    "settings": {"theme": "dark"},
}
API_KEY: Json = {
    "id": KEY_ID,
    "name": "Channel manager",
    "prefix": "hf_Zk3vQ8aR",
    "scopes": ["read", "book"],
    "created_at": MADE_AT,
    "expires_at": None,
    "last_used_at": None,
}
ACT: Json = {
    "id": 7,
    "at": MADE_AT,
    "action": "user.banned",
    "actor_type": "admin",
    "actor_id": STAFF_ID,
    "subject_type": "user",
    "subject_id": USER_ID,
    "reason": "fraud",
    "before": {"banned": False},
    "after": {"banned": True},
    "request_id": "0199f0c2a7b17c2d",
    "address": "192.0.2.7",
}
MESSAGE: Json = {
    "id": MESSAGE_ID,
    "channel": "email",
    "category": "transactional",
    "to": EMAIL,
    "template": "booking_confirmed",
    "language": "en",
    "status": "failed",
    "attempts": 3,
    "user_id": None,
    "booking_id": BOOKING_ID,
    "created_at": MADE_AT,
    "next_attempt_at": None,
    "sent_at": None,
    "last_error": "550 5.1.1 unknown",
}
ATTEMPT: Json = {
    "number": 1,
    "outcome": "deferred",
    "answer": "450 4.2.1 mailbox full",
    "started_at": MADE_AT,
    "duration_ms": 182,
}
TEMPLATE_WORDS: Json = {
    "subject": "See you soon: {{ venue_name }}, {{ reference }}",
    "text": "{{ venue_name }} expects you on {{ starts }}, for {{ party_size }}.",
    "html": "<p>{{ venue_name }} expects you on {{ starts }}, for {{ party_size }}.</p>",
}
TEMPLATE_INFO: Json = {
    "template": "booking_confirmed",
    "language": "en",
    "channel": "email",
    "category": "transactional",
    "version": 2,
    "active": True,
    "fills": ["ends", "guest_name", "party_size", "reference", "starts", "total", "venue_name"],
    "created_at": MADE_AT,
    "created_by": STAFF_ID,
}
NOTICE: Json = {
    "id": NOTICE_ID,
    "template": "booking_confirmed",
    "category": "transactional",
    "language": "en",
    "title": "Confirmed: Seaview, K7QX2M",
    "body": "Friday, 11 January 2030, 15:00 (Europe/Berlin), for 2 people.",
    "booking_id": BOOKING_ID,
    "created_at": MADE_AT,
    "read_at": None,
}
ENDPOINT_ID = "0199f0c3-9e0f-7ab1-8c2d-3e4f5a6b7c89"
DELIVERY_ID = "0199f0c3-af10-7bc2-9d3e-4f5a6b7c8d9a"
EVENT_ID = "0199f0c3-b021-7cd3-8e4f-5a6b7c8d9eab"
ENDPOINT: Json = {
    "url": "https://pms.example.org/hooks/holdfast",
    "events": ["booking.*", "payment.completed"],
    "description": "Our property management system",
}
ENDPOINT_VIEW: Json = {
    **ENDPOINT,
    "id": ENDPOINT_ID,
    "owner_id": USER_ID,
    "enabled": True,
    "disabled_because": None,
    "failing_since": None,
    **STAMPS,
}
SECRET = "whsec_ the base64 of 32 bytes, shown this once"
DELIVERY: Json = {
    "id": DELIVERY_ID,
    "endpoint_id": ENDPOINT_ID,
    "event_id": EVENT_ID,
    "type": "booking.confirmed",
    "status": "waiting",
    "attempts": 1,
    "next_attempt_at": "2030-01-07T08:00:05Z",
    "created_at": MADE_AT,
    "delivered_at": None,
    "log": [{"at": MADE_AT, "status_code": 503, "milliseconds": 41, "answer": "try later", "error": None}],
}
AUTHORIZATION: Json = {
    "authorization_url": "https://accounts.example.org/authorize?client_id=holdfast&state=9sQ2",
    "state": "9sQ2",
    "nonce": "k4Tz",
    "code_verifier": "dBjftJeZ4CVPmB92K27uhbUJU1p1rwW1gFWFOEjXkAA",
}

DOCUMENT_ID = "0199f0c3-9eaf-7fb1-8c2d-6b7c8d9e0f12"
LINK = "http://127.0.0.1:8000/api/v1/documents/by-link?token=WyIwMTk5ZjBjMyIsInBkZiJd.sig"
DOCUMENT: Json = {
    "id": DOCUMENT_ID,
    "booking_id": BOOKING_ID,
    "kind": "invoice",
    "number": "INV-2030-00042",
    "version": 1,
    "formats": ["pdf"],
    "filename": "Invoice INV-2030-00042.pdf",
    "currency": "EUR",
    "total": "274.05",
    "issued_on": "2030-01-07",
    "corrects": None,
    "e_invoice": True,
    "created_at": MADE_AT,
}
SELLER: Json = {
    "name": "Seaview Hotels",
    "street": "1 Harbour Road",
    "postcode": "20457",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE123456789",
    "tax_number": None,
    "email": "stay@seaview.example",
    "phone": None,
    "iban": "DE89370400440532013000",
    "prefix": "INV",
}
CHECK_IN_CODE = "HF1:AHFGC2LTORSXG5BRGIZTINJWG44DSMA"
DOCUMENT_MADE: Json = {
    "id": DOCUMENT_ID,
    "bookingId": BOOKING_ID,
    "kind": "invoice",
    "number": "INV-2030-00042",
    "version": 1,
    "filename": "Invoice INV-2030-00042.pdf",
    "currency": "EUR",
    "total": "274.05",
    "issuedOn": "2030-01-07",
    "url": LINK,
    "urlExpiresAt": "2030-01-14T08:00:00Z",
}


def page(item: Json) -> Json:
    return {"items": [item], "page": 1, "limit": 50, "total": 1}


# by the name of the schema
ORDER_REF = "order_example"
INTENT_VIEW: Json = {
    "id": INTENT_ID,
    "booking_id": BOOKING_ID,
    "provider": "razorpay",
    "status": "requires_action",
    "amount": "81.00",
    "currency": "EUR",
    "refunded_amount": "0.00",
    "checkout_url": f"https://holdfast.example/pay/{INTENT_ID}",
    "provider_payload": {"order_id": ORDER_REF},
    "failure": None,
    **STAMPS,
}
REFUND_DRAFT: Json = {"intent_id": INTENT_ID, "amount": "20.00", "reason": "the lift was out of order"}
PROVIDER_EVENT: Json = {
    "id": EVENT_ID,
    "provider": "razorpay",
    "event_id": "event_example",
    "type": "payment.captured",
    "status": "processed",
    "intent_id": INTENT_ID,
    "attempts": 0,
    "error": None,
    "received_at": MADE_AT,
    "processed_at": MADE_AT,
}
POSTING: Json = {
    "id": POSTING_ID,
    "kind": "capture",
    "subject": EVENT_ID,
    "booking_id": BOOKING_ID,
    "note": None,
    "at": MADE_AT,
    "entries": [
        {"account": "clearing:razorpay", "amount": "81.00", "currency": "EUR"},
        {"account": "guest", "amount": "-81.00", "currency": "EUR"},
    ],
}
WRITE_OFF: Json = {"booking_id": BOOKING_ID, "amount": "3.50", "reason": "the minibar is not worth a letter"}
DIFFERENCE: Json = {
    "id": EVENT_ID,
    "kind": "amount_differs",
    "provider": "razorpay",
    "ref": ORDER_REF,
    "intent_id": INTENT_ID,
    "expected": "81.00 EUR",
    "seen": "18.00 EUR",
    "at": MADE_AT,
    "closed_at": None,
    "closed_by": None,
    "note": None,
}
COMMISSION: Json = {"supplier_id": GUEST_ID, "percent": "12.5", "updated_at": MADE_AT}
SUPPLIER_BALANCE: Json = {
    "supplier_id": GUEST_ID,
    "currency": "EUR",
    "earned": "70.87",
    "paid_out": "20.00",
    "payable": "50.87",
}
PAYOUT: Json = {"amount": "20.00", "currency": "EUR", "reference": "transfer of May"}
RECONCILIATION: Json = {
    "since": "2029-12-31T08:00:00Z",
    "until": MADE_AT,
    "totals": [
        {
            "provider": "razorpay",
            "currency": "EUR",
            "captured": "81.00",
            "refunded": "0.00",
            "listed": "81.00",
            "listed_refunds": "0.00",
            "clearing": "81.00",
        }
    ],
    "differences": [DIFFERENCE],
    "unreachable": [],
}


def enveloped(data: Json) -> Json:
    return {"ok": True, "data": data, "requestId": "0199f0c2a7b17c2d"}


EVENT: Json = {
    "event_id": "0199f0c3-9eaf-7fb1-8c2d-3e4f5a6b7c89",
    "type": "booking.confirmed",
    "aggregate_id": BOOKING_ID,
    "status": "parked",
    "occurred_at": MADE_AT,
    "attempts": 10,
    "publish_attempts": 0,
    "next_attempt_at": "2030-01-07T08:17:00Z",
    "delivered_at": None,
    "last_error": "VenueNotFound()",
}

JOB: Json = {
    "id": "0199f0c3-9eaf-7fb1-8c2d-3e4f5a6b7c8a",
    "name": "document.print",
    "status": "given_up",
    "created_at": MADE_AT,
    "due_at": "2030-01-07T08:08:00Z",
    "attempts": 8,
    "done_at": None,
    "given_up_at": "2030-01-07T08:04:00Z",
    "last_error": "TimeoutError()",
}

ITEM: Json = {
    "id": ITEM_ID,
    "booking_id": BOOKING_ID,
    "reference": "K7QM-3XRD",
    "guest_name": "Guest",
    "kind": "transfer",
    "label": "Airport transfer",
    "product_id": None,
    "resource_id": None,
    "supplier_id": USER_ID,
    **PERIOD_IN_UTC,
    "quantity": 2,
    "price": "50.00",
    "currency": "USD",
    "rate": "0.92",
    "converted_price": "46.00",
    "booking_currency": "EUR",
    "reservation_id": None,
    "status": "requested",
    "confirmation_reference": None,
    "reason": None,
    "confirmed_at": None,
    "created_at": MADE_AT,
    "updated_at": MADE_AT,
}
TASK: Json = {
    "id": TASK_ID,
    "booking_id": BOOKING_ID,
    "item_id": ITEM_ID,
    "kind": "item_declined",
    "summary": "K7QM-3XRD: find another transfer for Airport transfer",
    "details": {"reason": "no driver that day", "alternatives": []},
    "created_at": MADE_AT,
    "done_at": None,
    "done_by": None,
}

EXAMPLES: dict[str, Json] = {
    "IntentDraft": {"booking_id": BOOKING_ID, "provider": "razorpay"},
    "IntentView": INTENT_VIEW,
    "Confirmation": {"payment_method": "sandbox_ok"},
    "RefundDraft": REFUND_DRAFT,
    "RefundView": {
        **REFUND_DRAFT,
        "id": REFUND_ID,
        "booking_id": BOOKING_ID,
        "currency": "EUR",
        "status": "succeeded",
        "origin": "house",
        "failure": None,
        **STAMPS,
    },
    "ProviderEventView": PROVIDER_EVENT,
    "Page_ProviderEventView_": page(PROVIDER_EVENT),
    "ReconciliationView": RECONCILIATION,
    "DifferenceView": DIFFERENCE,
    "Page_DifferenceView_": page(DIFFERENCE),
    "DifferenceClosing": {"note": "the guest paid the rest by transfer"},
    "PostingView": POSTING,
    "Page_PostingView_": page(POSTING),
    "BalancesView": {"items": POSTING["entries"]},
    "WriteOff": WRITE_OFF,
    "CommissionTerms": {"percent": "12.5"},
    "CommissionView": COMMISSION,
    "SupplierBalancesView": {"items": [SUPPLIER_BALANCE]},
    "PayoutDraft": {**PAYOUT, "idempotency_key": "payout-of-may"},
    "PayoutView": {**PAYOUT, "id": POSTING_ID, "supplier_id": GUEST_ID, "at": MADE_AT},
    "LeadDraft": {
        "resource_id": RESOURCE_ID,
        **PERIOD,
        "party_size": 2,
        "guest": GUEST,
        "metadata": {"source": "fair"},
    },
    "ItemDraft": {
        "kind": "transfer",
        "label": "Airport transfer",
        "supplier_id": USER_ID,
        **PERIOD,
        "quantity": 2,
        "price": "50.00",
        "currency": "USD",
        "rate": "0.92",
    },
    "ItemReplacement": {
        "reason": "the first one has no driver",
        "kind": "transfer",
        "label": "Airport transfer by boat",
        "supplier_id": USER_ID,
        **PERIOD,
        "quantity": 2,
        "price": "62.00",
        "currency": "EUR",
    },
    "ItemRemoval": {"reason": "the guest comes by train"},
    "ItemView": ITEM,
    "ItemsView": {"items": [ITEM]},
    "Page_SuppliedItemView_": page({**ITEM, "lifecycle_status": "payment_confirmed"}),
    "ItemConfirmation": {"confirmation_reference": "TR-4711"},
    "ItemDecline": {"reason": "no driver that day"},
    "TaskView": TASK,
    "Page_TaskView_": page(TASK),
    "LifecycleRequest": {
        "bookingId": BOOKING_ID,
        "toStatus": "payment_confirmed",
        "actorType": "webhook",
        "actorId": None,
        "note": "Razorpay webhook confirmed",
        "idempotencyKey": "webhook:evt_123",
        "metadata": {"provider": "razorpay", "paymentId": "pay_abc123"},
    },
    "Envelope_BookingLifecycle_": enveloped(
        {
            "bookingId": BOOKING_ID,
            "reference": "K7QM-3XRD",
            "status": "payment_confirmed",
            "bookingStatus": "CONFIRMED",
            "version": 3,
            "allowed": ["supplier_confirmed", "cancelled", "refunded"],
            "events": [
                {
                    "bookingId": BOOKING_ID,
                    "fromStatus": "payment_pending",
                    "toStatus": "payment_confirmed",
                    "fromBookingStatus": "PENDING",
                    "toBookingStatus": "CONFIRMED",
                    "actorType": "webhook",
                    "actorId": None,
                    "calledByType": "staff",
                    "calledById": STAFF_ID,
                    "note": "Razorpay webhook confirmed",
                    "reason": None,
                    "override": False,
                    "idempotencyKey": "webhook:evt_123",
                    "metadata": {"provider": "razorpay", "paymentId": "pay_abc123"},
                    "version": 3,
                    "createdAt": MADE_AT,
                }
            ],
        }
    ),
    "CreateIntent": {"bookingId": BOOKING_ID, "provider": "razorpay", "idempotencyKey": "intent:booking:1"},
    "Envelope_IntentCreated_": enveloped(
        {
            "payment": {
                "id": INTENT_ID,
                "booking_id": BOOKING_ID,
                "provider": "razorpay",
                "status": "requires_action",
            },
            "providerPayload": {
                "provider": "razorpay",
                "checkoutUrl": f"https://holdfast.example/pay/{INTENT_ID}",
                "orderId": ORDER_REF,
            },
        }
    ),
    "Envelope_NoticeReceivedView_": enveloped({"received": True, "seen_before": False}),
    "EventView": EVENT,
    "Page_EventView_": page(EVENT),
    "JobView": JOB,
    "Page_JobView_": page(JOB),
    "Health": {"status": "ok"},
    "Readiness": {"status": "ok", "components": {"database": "ok", "rate_limits": "ok"}},
    "AuditView": {"clean": True, "findings": [{"invariant": "a sold booking holds its claim", "breaches": []}]},
    "VenueDraft": VENUE,
    "VenuePatch": {"name": "Seaview Grand"},
    "VenueView": VENUE_VIEW,
    "Page_VenueView_": page(VENUE_VIEW),
    "ResourceDraft": RESOURCE,
    "ResourcePatch": {"capacity": 14, "min_notice_minutes": 60},
    "ResourceView": RESOURCE_VIEW,
    "Page_ResourceView_": page(RESOURCE_VIEW),
    "SlotsView": {"items": [{**PERIOD_IN_UTC, "remaining": 7}, {**NEXT_WEEK, "remaining": 12}]},
    "AvailabilityQuery": {"resource_id": RESOURCE_ID, **PERIOD, "quantity": 2},
    "AvailabilityView": {
        "available": True,
        "remaining": 7,
        "reason": None,
        "held_until": None,
        "resource_id": RESOURCE_ID,
    },
    "ReserveRequest": {
        "booking_id": BOOKING_ID,
        "resource_id": RESOURCE_ID,
        **PERIOD,
        "quantity": 2,
        "expires_at": "2030-01-07T08:15:00Z",
    },
    "ReservationView": RESERVATION,
    "ReleaseRequest": {"reservation_id": RESERVATION_ID},
    "ReleaseView": {"released": 1},
    "ReservationChange": {"reservation_id": RESERVATION_ID, **NEXT_WEEK, "quantity": 2},
    "RateDraft": RATE,
    "RateView": RATE_VIEW,
    "Page_RateView_": page(RATE_VIEW),
    "FeeRuleDraft": FEE_RULE,
    "FeeRuleView": FEE_RULE_VIEW,
    "Page_FeeRuleView_": page(FEE_RULE_VIEW),
    "PriceQuery": {"resource_id": RESOURCE_ID, **PERIOD, "party_size": 2},
    "PriceView": PRICE,
    "EstimateQuery": {
        "resource_id": RESOURCE_ID,
        "from": "2030-01-07",
        "to": "2030-01-13",
        "nights": 2,
        "party_size": 2,
    },
    "EstimateView": {"from_total": "243.60", "to_total": "274.05", "currency": "EUR"},
    "BookingDraft": {
        "resource_id": RESOURCE_ID,
        **PERIOD,
        "party_size": 2,
        "guest": GUEST,
        "notes": "A quiet room",
        "metadata": {"source": "web"},
    },
    "BookingView": BOOKING,
    "Page_BookingView_": page(BOOKING),
    "BookingChange": {"expected_version": 1, **NEXT_WEEK},
    "Voiding": {"reason": "sold by mistake"},
    "Cancellation": {"expected_version": 1, "reason": "plans changed"},
    "StatusChange": {"status": "CONFIRMED", "override": True, "reason": "pays by invoice"},
    "HistoryView": {"items": [STEP]},
    "Stay": {"resource_id": RESOURCE_ID, **PERIOD, "party_size": 2},
    "BookingAvailabilityView": {
        "available": False,
        "reason": "capacity",
        "remaining": 0,
        "held_until": None,
        "alternatives": [{"resource_id": OTHER_RESOURCE_ID, **PERIOD_IN_UTC}],
    },
    "CancellationPolicy": {
        "tiers": [{"hours_before_start": 48, "percent": 100}, {"hours_before_start": 24, "percent": 50}],
        "no_show_percent": 0,
    },
    "PassengerDraft": PASSENGER,
    "PassengerView": PASSENGER_VIEW,
    "PassengersView": {"items": [PASSENGER_VIEW]},
    "MadeBookingView": {**BOOKING, "manage_token": "bk_IjAxOTlmMGMzMWMyZDdlM2Y4YTRiNmM3ZDhlOWYwYTEyIg.sig"},
    "Registration": {"email": EMAIL, "password": "Quiet-Harbour-77", "full_name": "Guest"},
    "Credentials": {"email": EMAIL, "password": "Quiet-Harbour-77"},
    "EmailOnly": {"email": EMAIL},
    "OtpCheck": {"email": EMAIL, "otp": "402917"},
    "EmailVerification": {"token": "token-of-the-mailed-link"},
    "EmailVerifiedView": {"email_verified": True},
    "PasswordReset": {"token": "token-of-the-mailed-link", "password": "Brisk.Lantern.42"},
    "Accepted": {"status": "accepted"},
    "RefreshRequest": {"refresh_token": "the-refresh-token"},
    "TokensView": {
        "access_token": "header.claims.signature",
        "refresh_token": "the-refresh-token",
        "token_type": "bearer",
        "expires_in": 900,
    },
    "AuthorizationView": AUTHORIZATION,
    "CodeExchange": {
        "code": "4/0AbCd",
        "redirect_uri": "https://app.example.org/signed-in",
        "code_verifier": AUTHORIZATION["code_verifier"],
        "nonce": AUTHORIZATION["nonce"],
    },
    "KeySetView": {
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "use": "sig",
                "alg": "ES256",
                "kid": "k1",
                "x": "f83OJ3D2xF1B",
                "y": "x_FEzRu9m36H",
            }
        ]
    },
    "UserView": USER,
    "Page_UserView_": page(USER),
    "ProfileChange": {"full_name": "Guest of Honour"},
    "Preferences": PREFERENCES,
    "Ban": {"reason": "fraud"},
    "RolesChange": {"roles": ["staff"]},
    "ApiKeyDraft": {"name": "Channel manager", "scopes": ["read", "book"]},
    "ApiKeyMade": {**API_KEY, "key": "hf_Zk3vQ8aR_the-secret-part"},
    "Page_ApiKeyView_": page(API_KEY),
    "Page_ActView_": page(ACT),
    "DocumentOrder": {"booking_id": BOOKING_ID, "kind": "invoice"},
    "DocumentView": DOCUMENT,
    "DocumentsView": {"items": [DOCUMENT]},
    "LinkView": {"url": LINK, "expires_at": "2030-01-14T08:00:00Z"},
    "SellerDraft": SELLER,
    "SellerView": {**SELLER, "id": USER_ID, "updated_at": MADE_AT},
    "CheckIn": {"code": CHECK_IN_CODE},
    "CheckInKeysView": {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": "EdDSA",
                "kid": "9f86d081",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }
        ]
    },
    "DocumentRequest": {"bookingId": BOOKING_ID, "kind": "invoice"},
    "Envelope_GeneratedDocument_": {"ok": True, "data": {"document": DOCUMENT_MADE}, "requestId": "01a1f8cf"},
    "MessageView": MESSAGE,
    "Page_MessageView_": page(MESSAGE),
    "AddressQuery": {"email": EMAIL},
    "AddressView": {
        "email": EMAIL,
        "deliverable": True,
        "reason": None,
        "mail_servers": ["mx1.example.org", "mx2.example.org"],
    },
    "TemplatesView": {"items": [TEMPLATE_INFO]},
    "TemplateView": {**TEMPLATE_INFO, **TEMPLATE_WORDS},
    "TemplateDraft": TEMPLATE_WORDS,
    "TemplateActivation": {"version": 1},
    "TemplatePreview": {"text": "{{ venue_name }}, {{ starts }}.", "values": {"venue_name": "Seaview"}},
    "PreviewView": {
        "language": "en",
        "subject": "Confirmed: Seaview, K7QX2M",
        "text": "Seaview, Friday, 11 January 2030, 15:00 (Europe/Berlin).",
        "html": "<p>Seaview, Friday, 11 January 2030, 15:00 (Europe/Berlin).</p>",
    },
    "AttemptsView": {"items": [ATTEMPT]},
    "Page_NoticeView_": page(NOTICE),
    "NoticeView": NOTICE,
    "ReadView": {"read": 3},
    "EndpointDraft": ENDPOINT,
    "EndpointChange": {"events": ["booking.confirmed"]},
    "EndpointView": ENDPOINT_VIEW,
    "EndpointMade": {**ENDPOINT_VIEW, "secret": SECRET},
    "Page_EndpointView_": page(ENDPOINT_VIEW),
    "SecretRotated": {"secret": SECRET, "old_valid_until": "2030-01-08T08:00:00Z"},
    "DeliveryView": DELIVERY,
    "Page_DeliveryView_": page(DELIVERY),
}

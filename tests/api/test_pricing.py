"""Rates, fee rules, prices and estimates over HTTP."""

from uuid import uuid4

import httpx
import pytest

from tests.house import House, Json

RATES, FEE_RULES = "/api/v1/pricing/rates", "/api/v1/pricing/fee-rules"
CALCULATE, ESTIMATE = "/api/v1/pricing/calculate", "/api/v1/pricing/estimate"
WEEKEND = {"start_at": "2030-01-11T15:00:00+01:00", "end_at": "2030-01-13T11:00:00+01:00"}


def room_rate(room: Json, **fields: object) -> Json:
    return {
        "resource_id": room["id"],
        "amount": "120.00",
        "currency": "EUR",
        "per": "night",
        "terms": "deposit",
        "deposit_percent": 30,
        "adjustments": [{"kind": "weekday", "days": ["sat"], "amount": "30.00"}],
        "taxes": [{"label": "VAT", "percent": 7, "included": True}],
        **fields,
    }


async def priced(house: House) -> Json:
    """A hotel room with a rate and a service fee."""
    await house.open(type="hotel", timezone="Europe/Berlin")
    room = await house.table(name="Room 1")
    await house.made(RATES, room_rate(room))
    await house.made(FEE_RULES, {"label": "Service", "percent": "1.5", "venue_type": "hotel"})
    return room


async def total(client: httpx.AsyncClient) -> int:
    return sum([(await client.get(path)).json()["total"] for path in (RATES, FEE_RULES)])


async def test_a_price_line_by_line(house: House, client: httpx.AsyncClient) -> None:
    room = await priced(house)
    answer = await client.post(CALCULATE, json={"resource_id": room["id"], **WEEKEND, "party_size": 2})
    assert answer.status_code == 200
    price = answer.json()
    assert [(line["kind"], line["quantity"], line["unit_amount"], line["amount"]) for line in price["lines"]] == [
        ("rate", "1", "120.00", "120.00"),
        ("rate", "1", "150.00", "150.00"),
        ("fee", "1", "4.05", "4.05"),
        ("tax", "0", "17.93", "0.00"),
    ]
    del price["lines"]
    assert price == {
        "currency": "EUR", "subtotal": "270.00", "fees": "4.05", "taxes": "17.93", "total": "274.05",
        "due_now": "82.22", "terms": "deposit",
    }  # fmt: skip


async def test_an_estimate_is_a_range(house: House, client: httpx.AsyncClient) -> None:
    room = await priced(house)
    asked = {"resource_id": room["id"], "from": "2030-01-07", "to": "2030-01-13", "nights": 2, "party_size": 2}
    answer = await client.post(ESTIMATE, json=asked)
    assert answer.status_code == 200
    assert answer.json() == {"from_total": "243.60", "to_total": "274.05", "currency": "EUR"}


async def test_a_deactivated_rate_is_listed_and_no_longer_charged(house: House, client: httpx.AsyncClient) -> None:
    room = await priced(house)
    other = await house.table(name="Room 2")
    await house.made(RATES, room_rate(other))
    page = (await client.get(RATES, params={"resource_id": room["id"]})).json()
    assert (page["total"], page["items"][0]["active"], page["items"][0]["deposit_percent"]) == (1, True, "30")
    for _ in range(2):
        assert (await client.delete(f"{RATES}/{page['items'][0]['id']}")).status_code == 204
    page = (await client.get(RATES, params={"resource_id": room["id"]})).json()
    assert (page["total"], page["items"][0]["active"]) == (1, False)
    price = (await client.post(CALCULATE, json={"resource_id": room["id"], **WEEKEND})).json()
    assert (price["total"], price["terms"], price["lines"]) == ("0.00", "none", [])


async def test_a_deactivated_fee_rule_is_no_longer_charged(house: House, client: httpx.AsyncClient) -> None:
    room = await priced(house)
    rule = (await client.get(FEE_RULES)).json()["items"][0]
    assert (await client.delete(f"{FEE_RULES}/{rule['id']}")).status_code == 204
    price = (await client.post(CALCULATE, json={"resource_id": room["id"], **WEEKEND})).json()
    assert (price["fees"], price["total"]) == ("0.00", "270.00")


@pytest.mark.parametrize(
    ("fields", "kind", "pointer"),
    [
        ({"amount": "1.005"}, "too-many-decimals", "/amount"),
        ({"amount": "120.5", "currency": "JPY"}, "too-many-decimals", "/amount"),
        ({"amount": 120}, "invalid-request", "/amount"),
        ({"currency": "XXX"}, "invalid-request", "/currency"),
        ({"deposit_percent": None}, "deposit-percent-mismatch", "/deposit_percent"),
        ({"terms": "full"}, "deposit-percent-mismatch", "/deposit_percent"),
        ({"valid_from": "2030-02-01", "valid_to": "2030-01-31"}, "dates-reversed", "/valid_to"),
        (
            {"adjustments": [{"kind": "weekday", "days": ["sat"]}]},
            "adjustment-unclear",
            "/adjustments/0",
        ),
        ({"colour": "red"}, "invalid-request", "/colour"),
    ],
)
async def test_a_bad_rate_is_refused_at_its_field_and_not_kept(
    house: House, client: httpx.AsyncClient, fields: Json, kind: str, pointer: str
) -> None:
    room = await house.table()
    answer = await client.post(RATES, json=room_rate(room) | fields)
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["pointer"]) == (422, kind, pointer)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await total(client) == 0


@pytest.mark.parametrize(
    ("fields", "kind", "pointer"),
    [
        ({}, "fee-rule-empty", "/percent"),
        ({"fixed": "1.00"}, "fee-currency-missing", "/currency"),
        ({"percent": 101}, "invalid-request", "/percent"),
        (
            {"percent": 1, "currency": "EUR", "minimum": "2", "maximum": "1"},
            "fee-bounds-crossed",
            "/minimum",
        ),
    ],
)
async def test_a_bad_fee_rule_is_refused_at_its_field_and_not_kept(
    client: httpx.AsyncClient, fields: Json, kind: str, pointer: str
) -> None:
    answer = await client.post(FEE_RULES, json={"label": "Service"} | fields)
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["pointer"]) == (422, kind, pointer)
    assert await total(client) == 0


@pytest.mark.parametrize(
    ("path", "fields", "kind", "pointer"),
    [
        (CALCULATE, {"end_at": WEEKEND["start_at"]}, "invalid-request", "/end_at"),
        (CALCULATE, {"start_at": "2030-01-11T15:00:00"}, "invalid-request", "/start_at"),
        (CALCULATE, {"end_at": "2031-03-01T11:00:00Z"}, "stay-too-long", "/end_at"),
        (CALCULATE, {"party_size": 0}, "invalid-request", "/party_size"),
        (CALCULATE, {"party_size": 10**9}, "invalid-request", "/party_size"),
        (ESTIMATE, {"to": "2030-01-01"}, "invalid-request", "/to"),
        (ESTIMATE, {"to": "2031-01-01"}, "invalid-request", "/to"),
        (ESTIMATE, {}, "estimate-length-unclear", "/nights"),
        (ESTIMATE, {"nights": 1, "duration_minutes": 60}, "estimate-length-unclear", "/nights"),
    ],
)
async def test_a_bad_question_is_refused_at_its_field(
    house: House, client: httpx.AsyncClient, path: str, fields: Json, kind: str, pointer: str
) -> None:
    room = await house.table()
    usual = WEEKEND if path == CALCULATE else {"from": "2030-01-11", "to": "2030-01-11"}
    answer = await client.post(path, json={"resource_id": room["id"], **usual, **fields})
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["pointer"]) == (422, kind, pointer)


async def test_unknown_resources_rates_and_rules_are_not_found(client: httpx.AsyncClient) -> None:
    nobody = {"id": str(uuid4())}
    asked = {"resource_id": nobody["id"]}
    nights = {"from": "2030-01-11", "to": "2030-01-11", "nights": 1}
    for path, body in ((RATES, room_rate(nobody)), (CALCULATE, asked | WEEKEND), (ESTIMATE, asked | nights)):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (404, "resource-not-found")
        assert answer.json()["pointer"] == "/resource_id"
    for path, kind in ((RATES, "rate-not-found"), (FEE_RULES, "fee-rule-not-found")):
        answer = await client.delete(f"{path}/{nobody['id']}")
        assert (answer.status_code, answer.json()["type"]) == (404, kind)
    assert await total(client) == 0

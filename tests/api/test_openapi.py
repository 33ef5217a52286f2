"""The OpenAPI document is true: what it promises is what is answered, whatever is sent."""

import copy
import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.python import asgi

from holdfast.main import create_app
from tests.api.conftest import Furnished
from tests.api.writes import Standing
from tests.clock import SettableClock
from tests.house import Json, wiring

# the same cases on every run; more of them: raise max-examples
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 20300107,
        "generation": {"deterministic": True, "database": "none", "max-examples": 5, "no-shrink": True},
        "checks": {
            # what fits the schema may still be refused: taken, closed, unknown
            "positive_data_acceptance": {"enabled": False},
            # needs several operations in a row; the domains' own state machines do that
            "use_after_free": {"enabled": False},
            "ensure_resource_availability": {"enabled": False},
        },
        # no provider is set up here; tests of their own sign in, and pay, at real ones
        "operations": [
            {
                "include-path-regex": "^/api/(v1/auth/google|v1/payments/intents|payments/)",
                "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]}},
            }
        ],
    }
)
# nothing connects to it: every test brings a database
APP = create_app(wiring("postgresql://nowhere/none", SettableClock()))
DOCUMENT: Json = APP.openapi()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
SCHEMA.app = APP


@pytest.fixture
def database_url(furnished_url: str) -> str:
    return furnished_url


@pytest.fixture
def session(database_url: str) -> Iterator[asgi.ASGIClient]:
    app = cast(asgi.ASGIApp, create_app(wiring(database_url, SettableClock())))
    with asgi.get_client(app) as client:
        yield client
    asgi.shutdown_lifespans()


def at_home(value: Any, here: Standing) -> Any:
    """The same data about things that exist."""
    known = {
        "venue_id": here.venue["id"],
        "resource_id": here.table["id"],
        "booking_id": here.booking["id"],
        "passenger_id": here.passenger["id"],
        "reservation_id": here.reservation["reservation_id"],
        "reference": here.booking["reference"],
        "guest_id": here.booking["guest"]["id"],
    }
    if not isinstance(value, dict):
        return value
    return {name: known[name] if name in known and each is not None else each for name, each in value.items()}


@SCHEMA.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_what_is_promised_is_answered(
    case: schemathesis.Case[Any], session: asgi.ASGIClient, furnished: Furnished
) -> None:
    assert case.meta is not None
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        case.path_parameters = at_home(case.path_parameters, furnished.here)
        case.body = at_home(case.body, furnished.here)
    case.call_and_validate(session=session, headers=furnished.admin)


def without(document: Json, *way: str) -> Json:
    """A copy that promises less."""
    poorer = copy.deepcopy(document)
    place = poorer
    for part in way[:-1]:
        place = place[part]
    del place[way[-1]]
    return poorer


VENUE_PATH = "/api/v1/venues/{venue_id}"
VENUE_ANSWERS = ("paths", VENUE_PATH, "get", "responses")
BROKEN: dict[str, Json] = {
    "a status that is not documented": without(DOCUMENT, *VENUE_ANSWERS, "404"),
    "a content type that is not documented": without(
        DOCUMENT, *VENUE_ANSWERS, "404", "content", "application/problem+json"
    ),
    "a member of another type": copy.deepcopy(DOCUMENT),
}
BROKEN["a content type that is not documented"]["paths"][VENUE_PATH]["get"]["responses"]["404"]["content"] = {
    "text/plain": {}
}
BROKEN["a member of another type"]["components"]["schemas"]["VenueView"]["properties"]["name"] = {
    "type": "integer"
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_document_that_is_not_true_is_found_out(session: asgi.ASGIClient, here: Standing, broken: str) -> None:
    true = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
    false = schemathesis.openapi.from_dict(BROKEN[broken], config=CONFIG)
    known, unknown = here.venue["id"], here.table["id"]
    for schema in (true, false):
        schema.app = APP
    for venue_id in (known, unknown):
        true[VENUE_PATH]["GET"].Case(path_parameters={"venue_id": venue_id}).call_and_validate(session=session)
    with pytest.raises(FailureGroup):
        for venue_id in (known, unknown):
            false[VENUE_PATH]["GET"].Case(path_parameters={"venue_id": venue_id}).call_and_validate(
                session=session
            )


OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
each_operation = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)


def media_of(operation: Json) -> Iterator[tuple[str, Json]]:
    """Every body and answer, with where it is."""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {kind}", media
    for status, answer in operation["responses"].items():
        for kind, media in answer.get("content", {}).items():
            yield f"{status} {kind}", media


@each_operation
def test_every_body_and_answer_has_an_example_that_fits(path: str, method: str, operation: Json) -> None:
    for where, media in media_of(operation):
        if "json" not in where:
            continue
        schema = {**media["schema"], "components": DOCUMENT["components"]}
        errors = list(jsonschema_rs.validator_for(schema, validate_formats=True).iter_errors(media["example"]))
        assert not errors, (where, [error.message for error in errors])
        if where.endswith("+json"):
            assert str(media["example"]["status"]) == where.split()[0]


@each_operation
def test_every_operation_says_what_it_does_and_how_it_refuses(path: str, method: str, operation: Json) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert {tag["name"] for tag in DOCUMENT["tags"]} >= set(operation["tags"])
    answers = operation["responses"]
    assert any(status.startswith("2") for status in answers)
    assert all("X-Request-ID" in answer["headers"] for answer in answers.values())
    sends = "requestBody" in operation or "parameters" in operation
    assert ("422" in answers) == sends
    for status in ("413", "415"):
        assert (status in answers) == ("requestBody" in operation)
    if "{" in path and method != "put":
        assert "404" in answers or path.endswith("/guest/{guest_id}")


def test_it_is_openapi_3_1_with_our_own_problem_and_nobody_elses() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    schemas = DOCUMENT["components"]["schemas"]
    assert "Problem" in schemas
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    for reference in re.findall(r"#/components/schemas/([^\"']+)", repr(DOCUMENT)):
        assert reference in schemas


def test_a_service_alone_has_a_whole_document() -> None:
    alone = wiring("postgresql://nowhere/none", SettableClock())
    settings = alone.settings.model_copy(
        update={"server": alone.settings.server.model_copy(update={"services": ("pricing",)})}
    )
    document = create_app(type(alone)(settings, alone.database_url, alone.clock)).openapi()
    assert not any(path.startswith("/api/v1/bookings") for path in document["paths"])
    for reference in re.findall(r"#/components/schemas/([^\"']+)", repr(document)):
        assert reference in document["components"]["schemas"]


@pytest.mark.parametrize(("page", "assets"), [("/docs", 3), ("/redoc", 2)])
async def test_the_documentation_pages_load_nothing_from_elsewhere(
    client: httpx.AsyncClient, page: str, assets: int
) -> None:
    answer = await client.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    linked = re.findall(r"""(?:src|href)=["']([^"']+)["']""", answer.text)
    assert len(linked) == assets
    for url in linked:
        assert url.startswith("/docs/assets/"), url
        asset = await client.get(url)
        assert (asset.status_code, len(asset.content) > 1000) == (200, True)
    assert not re.search(r"https?://", answer.text.replace("http://www.w3.org", ""))


async def test_an_asset_that_is_not_there_is_a_problem(client: httpx.AsyncClient) -> None:
    for name in ("nothing.js", "..%2f..%2fcore.py", "%00"):
        answer = await client.get(f"/docs/assets/{name}")
        assert answer.status_code == 404, name
        assert answer.headers["content-type"] == "application/problem+json"

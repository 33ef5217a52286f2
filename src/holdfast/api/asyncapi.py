"""What is published, made from the event classes: an AsyncAPI 3 document, and the page of the catalogue."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from inspect import cleandoc
from pkgutil import iter_modules
from typing import Any

from pydantic.json_schema import models_json_schema

from holdfast import __version__, contracts
from holdfast.kernel.contract import Contract
from holdfast.kernel.outbox import Event
from holdfast.kernel.publisher import schema_name

Json = dict[str, Any]

EXCHANGE = "holdfast.events"
TOPIC = "holdfast.events"
CLOUD_EVENT = "application/cloudevents+json"
SCHEMAS = "#/components/schemas/"
DESCRIPTION = """
Every event is a CloudEvent 1.0 in structured mode; `type` is its wire name, `subject` what it is about,
`dataschema` names the version of its data. Delivery is at least once: know an event by its `id`. Events about one
subject come in the order in which they happened. No event carries personal data: ask the API by the ids.
"""


def events() -> Sequence[type[Event]]:
    """Every event class of the contracts, by wire name."""
    for module in iter_modules(contracts.__path__, f"{contracts.__name__}."):
        import_module(module.name)
    found = {each.type: each for each in subclasses(Event) if "type" in vars(each)}
    return [found[name] for name in sorted(found)]


def subclasses(base: type[Event]) -> Iterator[type[Event]]:
    for each in base.__subclasses__():
        if each.__module__.startswith(f"{contracts.__name__}."):
            yield each
        yield from subclasses(each)


def document() -> Json:
    known = events()
    _, schemas = models_json_schema(
        [(each, "serialization") for each in known], ref_template=f"{SCHEMAS}{{model}}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Holdfast events", "version": __version__, "description": DESCRIPTION.strip()},
        "defaultContentType": CLOUD_EVENT,
        "servers": {
            "rabbitmq": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "description": "Your RabbitMQ: a topic exchange, routed by wire name.",
            },
            "kafka": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "Your Kafka: one topic, keyed by the booking where there is one, else the subject.",
            },
        },
        "channels": {**{each.__name__: routed(each) for each in known}, "AllEvents": topic(known)},
        "operations": {f"tell{each.__name__}": operation(each) for each in known},
        "components": {
            "messages": {each.__name__: message(each) for each in known},
            "schemas": {name: draft_07(schema) for name, schema in schemas["$defs"].items()},
        },
    }


def routed(event: type[Event]) -> Json:
    exchange = {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": event.type,
        "summary": meaning(event),
        "servers": [{"$ref": "#/servers/rabbitmq"}],
        "messages": references([event]),
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }


def topic(known: Sequence[type[Event]]) -> Json:
    return {
        "address": TOPIC,
        "summary": "All events on one topic.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": references(known),
    }


def references(known: Sequence[type[Event]]) -> Json:
    return {each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in known}


def operation(event: type[Event]) -> Json:
    channel = f"#/channels/{event.__name__}"
    return {
        "action": "send",
        "summary": meaning(event),
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"}],
    }


def message(event: type[Event]) -> Json:
    text: Json = {"type": "string"}
    attributes: Json = {
        "specversion": {"const": "1.0"},
        "id": {**text, "format": "uuid", "description": "the event's own; the same when it comes again"},
        "source": {**text, "format": "uri-reference", "description": "the installation that tells it"},
        "type": {"const": event.type},
        "subject": {**text, "format": "uuid", "description": f"the event's `{event.about}`"},
        "time": {**text, "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": schema_name(event.type, event.schema_version)},
        "partitionkey": {**text, "description": "the booking where there is one, else the subject"},
        "traceparent": {**text, "description": "W3C trace context of what caused it, where traces are collected"},
        "data": {"$ref": f"{SCHEMAS}{event.__name__}"},
    }
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": meaning(event),
        "contentType": CLOUD_EVENT,
        "payload": {
            "type": "object",
            "required": [each for each in attributes if each != "traceparent"],
            "properties": attributes,
        },
    }


def draft_07(schema: object) -> Any:
    """As AsyncAPI's own dialect has it: a tuple's items are a list."""
    if isinstance(schema, dict):
        return {("items" if key == "prefixItems" else key): draft_07(value) for key, value in schema.items()}
    return [draft_07(each) for each in schema] if isinstance(schema, list) else schema


def meaning(event: type[Event]) -> str:
    """Its docstring's first sentence; the wire name in words where it has none of its own."""
    told = cleandoc(event.__dict__.get("__doc__") or "").partition("\n\n")[0].replace("\n", " ")
    if told and not told.startswith("What every event"):
        return told
    subject, _, happened = event.type.partition(".")
    return f"The {subject}: {happened.replace('_', ' ')}."


def catalogue() -> str:
    """docs/events.md."""
    known = events()
    lines = [*HEAD.splitlines(), "", "| type | about | schema | what it says |", "|---|---|---|---|"]
    lines += [
        f"| [`{each.type}`](#{anchor(each)}) | `{each.about}` | {each.schema_version} | {meaning(each)} |"
        for each in known
    ]
    for each in known:
        lines += ["", f"## {each.type}", "", "| field | is |", "|---|---|"]
        lines += [f"| `{name}` | {kind} |" for name, kind in fields(each)]
    return "\n".join([*lines, ""])


def anchor(event: type[Event]) -> str:
    """Of a heading, as renderers make them."""
    return event.type.replace(".", "")


def fields(event: type[Contract]) -> Iterator[tuple[str, str]]:
    schema = event.model_json_schema(mode="serialization")
    for name, what in schema["properties"].items():
        yield name, spoken(what, schema.get("$defs", {}))


def spoken(what: Json, known: Json) -> str:
    """A JSON schema in a few words."""
    if "$ref" in what:
        return spoken(known[what["$ref"].rpartition("/")[2]], known)
    if "anyOf" in what:
        return " or ".join(dict.fromkeys(spoken(each, known) for each in what["anyOf"]))
    if "enum" in what:
        return "one of " + ", ".join(f"`{each}`" for each in what["enum"])
    if what.get("type") == "array":
        items = what.get("items") or {"type": " and ".join(spoken(each, known) for each in what["prefixItems"])}
        return f"list of {spoken(items, known)}"
    if what.get("type") == "object" and "properties" in what:
        return "object of " + ", ".join(f"`{name}`" for name in what["properties"])
    return str(what.get("format") or what.get("type") or what.get("const"))


HEAD = """
# Events

Made by `holdfast events catalogue` from the event classes; a test compares. `holdfast events asyncapi` prints the
same as an AsyncAPI 3 document.

Each event is published as a CloudEvent 1.0 in structured mode (`application/cloudevents+json`): on RabbitMQ to the
topic exchange `holdfast.events` with its type as routing key, on Kafka to the topic `holdfast.events`, keyed by
`partitionkey`, the booking where there is one. `id` is the event's own, `subject` the field named under *about*,
`dataschema` is `urn:holdfast:event:<type>:<schema>`; a schema's number rises when a reader of the former one would
not understand. New fields may come at any time. Where traces are collected, `traceparent` is the W3C trace
context of what caused the event.

An event comes at least once: know it by its `id`. Events about one subject come in the order in which they
happened. None carries personal data. [examples/consumers](../examples/consumers/README.md) are programs that live
on them.
""".strip()

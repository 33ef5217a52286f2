"""How a call between services is written: arguments, results and refusals as JSON, read from a port's signatures.

A port is a Protocol whose methods take and give contracts, so its signatures say all that there is to say. What
was left unset stays unset on the other side: a fingerprint or a preference may depend on that. Fields that a newer
version added are passed over.
"""

import inspect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, TypeAdapter, create_model
from pydantic_core import PydanticSerializationUnexpectedValue, from_json, to_json

from holdfast.kernel.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    PaymentRefused,
    Refusal,
    TooMany,
    Unauthorized,
    Unavailable,
)

FAMILIES: Mapping[int, type[Refusal]] = {
    each.status: each
    for each in (
        Invalid, NotFound, Conflict, Gone, Forbidden, Unauthorized, PaymentRefused, TooMany, Unavailable,
    )
}  # fmt: skip
# several kinds of collection are one on the wire
LISTS = (list, Sequence, Collection, Iterable)


class Arguments(BaseModel):
    """The arguments of one call, by name."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Call:
    """One method of a port."""

    name: str
    signature: inspect.Signature
    arguments: type[Arguments]
    result: TypeAdapter[Any]

    def asked(self, *args: object, **kwargs: object) -> bytes:
        """These arguments as they are sent."""
        return self.written(*args, **kwargs).model_dump_json(exclude_unset=True).encode()

    def about(self, *args: object, **kwargs: object) -> bytes:
        """What is asked, whenever that is: by which the same question is known."""
        return self.written(*args, **kwargs).model_dump_json(exclude_unset=True, exclude={"now"}).encode()

    def written(self, *args: object, **kwargs: object) -> Arguments:
        bound = self.signature.bind(*args, **kwargs).arguments
        values = {name: list(value) if lists(value) else value for name, value in bound.items()}
        return self.arguments(**values)

    def read(self, body: bytes) -> dict[str, Any]:
        """The arguments of a call that came in; pydantic's ValidationError where they are not this method's."""
        said = self.arguments.model_validate_json(body, extra="ignore")
        return {name: getattr(said, name) for name in said.model_fields_set}

    def answer(self, result: object) -> bytes:
        return self.result.dump_json(result, exclude_unset=True)

    def answered(self, body: bytes) -> Any:
        return self.result.validate_json(body, extra="ignore")


@cache
def calls(port: type) -> Mapping[str, Call]:
    """Every method that this Protocol asks for."""
    methods = inspect.getmembers(port, inspect.iscoroutinefunction)
    return {name: call(name, method) for name, method in methods if not name.startswith("_")}


def call(name: str, method: Any) -> Call:
    signature = inspect.signature(method)
    parameters = [each for each in signature.parameters.values() if each.name != "self"]
    hints = get_type_hints(method, include_extras=True)
    fields: dict[str, Any] = {
        each.name: (on_the_wire(hints[each.name]), ... if each.default is each.empty else each.default)
        for each in parameters
    }
    return Call(
        name=name,
        signature=signature.replace(parameters=parameters),
        arguments=create_model(name, __base__=Arguments, **fields),
        result=TypeAdapter(on_the_wire(hints["return"])),
    )


def on_the_wire(hint: Any) -> Any:
    """The same type as both sides write it: refusals as what they say, every collection as a list."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Refusal:
        return CROSSING
    if origin in LISTS:
        return list[on_the_wire(inner[0])]  # type: ignore[misc] # made while running
    if origin in (Union, UnionType):
        return reduce(or_, map(on_the_wire, inner))
    if origin in (dict, Mapping):
        return dict[inner[0], on_the_wire(inner[1])]  # type: ignore[misc, valid-type] # made while running
    return hint


def lists(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | BaseModel)


def told(refusal: object) -> dict[str, object]:
    """A refusal as it crosses; pydantic tries this for the other members of a union too."""
    if not isinstance(refusal, Refusal):
        raise PydanticSerializationUnexpectedValue("not a refusal")
    kind = type(refusal)
    return {
        "refusal": f"{kind.__module__}.{kind.__qualname__}",
        "status": kind.status,
        "detail": refusal.detail,
        "pointer": refusal.pointer,
        "retry_after": refusal.retry_after,
        # what they hold beside JSON (instants, ids) crosses as the problem document would have it
        "facts": from_json(to_json(refusal.facts)),
    }


def heard(said: object) -> Refusal:
    """The same refusal again; of a class that is not known here, one of its family."""
    if isinstance(said, Refusal):
        return said
    if not isinstance(said, dict) or "refusal" not in said:
        raise ValueError("not a refusal")
    kind = known_refusals().get(said["refusal"]) or FAMILIES.get(said["status"], Refusal)
    # past its own constructor: what that would make of its arguments has been made
    refusal = kind.__new__(kind)
    Refusal.__init__(
        refusal, said["detail"], pointer=said["pointer"], retry_after=said["retry_after"], **said["facts"]
    )
    return refusal


CROSSING = Annotated[Refusal, PlainValidator(heard), PlainSerializer(told)]


def known_refusals() -> Mapping[str, type[Refusal]]:
    found: dict[str, type[Refusal]] = {}
    waiting: list[type[Refusal]] = [Refusal]
    while waiting:
        kind = waiting.pop()
        found[f"{kind.__module__}.{kind.__qualname__}"] = kind
        waiting += kind.__subclasses__()
    return found

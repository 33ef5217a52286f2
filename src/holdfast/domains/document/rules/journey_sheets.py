"""Voucher, e-ticket and itinerary, as their templates are filled."""

from decimal import Decimal
from itertools import groupby

from holdfast.domains.document.facts import Facts, Stop
from holdfast.domains.document.rules.sheet_parts import TIMES, Sheet, place, rows, stay, when
from holdfast.domains.document.rules.voice import Voice
from holdfast.domains.document.rules.words import clock, local_day, present, printable


def voucher(facts: Facts, voice: Voice) -> Sheet:
    """The house's own page, and one for each item that a supplier has confirmed."""
    return {
        "place": place(facts),
        "facts": rows(when(facts, voice)),
        "lines": [
            {"label": printable(line.label), "quantity": f"{TIMES} {voice.number(Decimal(line.quantity))}"}
            for line in facts.lines
        ],
        "items": [of_supplier(each, voice) for each in facts.stops],
        "show_to_provider": voice.say("show_to_provider"),
    }


def of_supplier(item: Stop, voice: Voice) -> Sheet:
    return {
        "title": printable(item.title),
        "provider": printable(item.provider) if item.provider else None,
        "confirmation": printable(item.confirmation) if item.confirmation else None,
        "facts": rows(
            {
                voice.name("from"): voice.moment(item.start_at, item.zone),
                voice.name("until"): voice.moment(item.end_at, item.zone),
                voice.name("how_many"): voice.number(Decimal(item.quantity)) if item.quantity else None,
                voice.name("zone"): item.zone,
            }
        ),
    }


def e_ticket(facts: Facts, voice: Voice) -> Sheet:
    names = present(facts.travellers) or [printable(facts.buyer.name)]
    guests = voice.name("guests")
    return {
        "place": place(facts),
        "facts": rows({name: value for name, value in when(facts, voice).items() if name != guests}),
        "tickets": [
            {"name": name, "number": voice.say("ticket", number=facts.number, index=index, count=len(names))}
            for index, name in enumerate(names, 1)
        ],
    }


def itinerary(facts: Facts, voice: Voice) -> Sheet:
    points = sorted(facts.stops, key=lambda each: each.start_at)
    days = groupby(points, key=lambda each: local_day(each.start_at, each.zone))
    return {
        "about": printable(facts.venue),
        "about_detail": stay(facts, voice),
        "days": [
            {"name": voice.weekday(on), "stops": [stop(each, voice) for each in stops]} for on, stops in days
        ],
    }


def stop(each: Stop, voice: Voice) -> Sheet:
    details = {
        voice.name("until"): voice.moment(each.end_at, each.zone),
        voice.name("with"): each.provider,
        voice.name("confirmation"): each.confirmation,
        voice.name("zone"): each.zone,
    }
    return {
        "time": clock(each.start_at, each.zone),
        "title": printable(each.title),
        "detail": printable(each.place) if each.place else None,
        "facts": rows(details),
    }

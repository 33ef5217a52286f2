"""How people are told moments, amounts and numbers, each in their language."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from holdfast.contracts.booking import RefundCause

ENGLISH = "en"
# English ones differ by country; this one is read everywhere
ENGLISH_DAY = "EEEE, d MMMM y"
AMOUNT = "#,##0.00 ¤¤"

PEOPLE: Mapping[str, tuple[str, str]] = {
    "en": ("1 person", "{} people"),
    "de": ("1 Person", "{} Personen"),
    "fr": ("1 personne", "{} personnes"),
    "es": ("1 persona", "{} personas"),
}

# those not named here are told of otherwise
WHY_REFUNDED: Mapping[RefundCause, Mapping[str, str]] = {
    RefundCause.NO_SHOW: {
        "en": "You were expected and did not come; this is what your booking's terms give back.",
        "de": "Sie wurden erwartet und sind nicht gekommen; dies ist, was die Bedingungen Ihrer Buchung vorsehen.",
        "fr": "Vous étiez attendu, en vain ; voici ce que prévoient les conditions de votre réservation.",
        "es": "Se le esperaba y no vino; esto es lo que prevén las condiciones de su reserva.",
    },
    RefundCause.EXPIRED: {
        "en": "Your booking was not completed in time, so what you had paid goes back in full.",
        "de": "Ihre Buchung wurde nicht rechtzeitig abgeschlossen; Sie erhalten Ihre Zahlung ganz zurück.",
        "fr": "Votre réservation n'a pas été finalisée à temps ; tout ce que vous avez payé vous est remboursé.",
        "es": "Su reserva no se completó a tiempo; se le devuelve todo lo que había pagado.",
    },
    RefundCause.FAILED: {
        "en": "Your booking could not be completed, so what you had paid goes back in full.",
        "de": "Ihre Buchung kam nicht zustande; Sie erhalten Ihre Zahlung ganz zurück.",
        "fr": "Votre réservation n'a pas pu aboutir ; tout ce que vous avez payé vous est remboursé.",
        "es": "Su reserva no pudo completarse; se le devuelve todo lo que había pagado.",
    },
    RefundCause.CHEAPER: {
        "en": "Your booking now costs less than you had paid; the difference goes back.",
        "de": "Ihre Buchung kostet jetzt weniger, als Sie bezahlt haben; Sie erhalten den Unterschied zurück.",
        "fr": "Votre réservation coûte désormais moins cher ; la différence vous est remboursée.",
        "es": "Su reserva cuesta ahora menos de lo que había pagado; se le devuelve la diferencia.",
    },
    RefundCause.EXCESS: {
        "en": "You paid more than your booking costs; the difference goes back.",
        "de": "Sie haben mehr bezahlt, als Ihre Buchung kostet; Sie erhalten den Unterschied zurück.",
        "fr": "Vous avez payé plus que le prix de votre réservation ; la différence vous est remboursée.",
        "es": "Ha pagado más de lo que cuesta su reserva; se le devuelve la diferencia.",
    },
    RefundCause.OTHER_CURRENCY: {
        "en": "Your booking is now sold in another currency, so this payment goes back in full.",
        "de": "Ihre Buchung wird jetzt in einer anderen Währung verkauft; Sie erhalten diese Zahlung ganz zurück.",
        "fr": "Votre réservation est désormais vendue dans une autre devise ; ce paiement vous est remboursé.",
        "es": "Su reserva se vende ahora en otra moneda; este pago se le devuelve por completo.",
    },
}


@cache
def locale_of(language: str) -> Locale:
    """English for a language that the Unicode locale data does not know."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale(ENGLISH)


def moment(instant: datetime, zone: str, language: str = ENGLISH) -> str:
    """`Tuesday, 8 January 2030, 12:00 (Europe/Berlin)`."""
    local, locale = instant.astimezone(ZoneInfo(zone)), locale_of(language)
    day = format_date(local, ENGLISH_DAY if locale.language == ENGLISH else "full", locale=locale)
    return f"{day}, {local:%H:%M} ({zone})"


def amount(decimal: str, currency: str, language: str = ENGLISH) -> str:
    """`1,200.00 EUR`, with the currency's own digits."""
    return format_currency(Decimal(decimal), currency, format=AMOUNT, locale=locale_of(language))


def people(count: int, language: str = ENGLISH) -> str:
    """`2 people`; the number alone in a language that has no word for it here."""
    one, many = PEOPLE.get(base(language), ("1", "{}"))
    return one if count == 1 else many.format(count)


def why_refunded(cause: RefundCause, language: str = ENGLISH) -> str | None:
    """A sentence; None for a refund that is told of otherwise."""
    sentences = WHY_REFUNDED.get(cause, {})
    return sentences.get(base(language)) or sentences.get(ENGLISH)


def base(language: str) -> str:
    return language.partition("-")[0].lower()

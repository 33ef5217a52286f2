"""What a template of the house's own may contain: nothing that escapes, repeats or grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError
from jinja2.exceptions import SecurityError

from holdfast.contracts.notification import Channel, Template
from holdfast.domains.notification.exceptions import TemplateBroken
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.letters import MAX_RENDERED, Script, rendered, shipped, shipped_languages
from holdfast.domains.notification.scripts import check

KIND = Template.BOOKING_CONFIRMED
PLAIN = Script(
    language="en", version=2, subject="{{ reference }}", text="{{ starts }}", html="<p>{{ starts }}</p>"
)


def refusal(parts: dict[str, str | None], *, template: Template = KIND) -> str:
    """What is said about these parts, with the others in order."""
    said = {"subject": PLAIN.subject, "text": PLAIN.text, "html": PLAIN.html, **parts}
    script = Script(language="en", version=2, **said)  # type: ignore[arg-type]
    with pytest.raises(TemplateBroken) as refused:
        check(script, template, Channel.EMAIL)
    return str(refused.value)


@pytest.mark.parametrize("language", shipped_languages())
def test_what_is_shipped_could_be_saved_again(language: str) -> None:
    """So staff may begin with it."""
    for template in Template:
        for channel in KINDS[template].channels:
            script = shipped(template, language, channel)
            if script is not None:
                check(script, template, channel)


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ starts.__class__ }}",
    "{{ starts['__class__'] }}",
    "{{ (starts|attr('__class__')) }}",
    "{{ starts.format(starts) }}",
    "{{ '{0.__class__}'.format(starts) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ namespace() }}",
    "{{ joiner }}",
    "{{ config }}",
    "{{ [].append(1) }}",
    "{{ ['a']|map(attribute='__class__')|list }}",
    "{% include '/etc/passwd' %}",
    "{% import 'parts.html' as parts %}{{ parts.__init__ }}",
    "{% extends 'other.html' %}",
    "{% from 'parts.html' import heading %}",
    "{{ starts|safe }}",
    "{% autoescape false %}{{ starts }}{% endautoescape %}",
]
BOMBS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 'a' * 999999999 }}",
    "{{ 9 ** 99999999 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ 'a'|center(999999999) }}",
    "{{ 'a'|replace('', starts)|replace('', starts) }}",
    "{{ '%999999999d'|format(1) }}",
    "{% set a = starts ~ starts %}{% set a = a ~ a %}{{ a }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% block a %}{{ self.b() }}{{ self.b() }}{% endblock %}{% block b %}{{ starts }}{% endblock %}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{% if 1 %}" * 300 + "{% endif %}" * 300,
]


@pytest.mark.parametrize("source", [*ESCAPES, *BOMBS], ids=lambda source: source[:50])
@pytest.mark.parametrize("part", ["text", "html"])
def test_what_escapes_or_grows_is_refused_before_it_runs(part: str, source: str) -> None:
    assert refusal({part: source}).startswith(part)


@pytest.mark.parametrize("source", ESCAPES[:6] + ESCAPES[9:10], ids=lambda source: source[:50])
def test_the_sandbox_alone_would_hold_it_too(source: str) -> None:
    """The second wall, with the first one left out."""
    try:
        written = rendered(source, KINDS[KIND].sample)
    except (TemplateError, SecurityError):
        return
    assert "<class" not in written
    assert "<module" not in written


def test_the_third_wall_bounds_what_is_written() -> None:
    with pytest.raises(ValueError, match="more than"):
        rendered("{% for a in range(99999) %}aaaa{% endfor %}", {})
    assert len(rendered("a" * MAX_RENDERED, {})) == MAX_RENDERED


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"text": "one\n{{ starts }\nthree"}, "text, line 2: unexpected '}'"),
        ({"text": "one\ntwo {{ start }}"}, "text, line 2: there is no start; this template may say brand, ends,"),
        ({"html": "<p>\n{% if starts %}\n</p>"}, "html, line 3: Unexpected end of template"),
        ({"html": "\n\n{{ parts.heading('x') }}"}, "html"),
        ({"html": "{{ parts.shout('x') }}"}, "html, line 1: getattr is not allowed"),
        ({"subject": "{{ starts|shout }}"}, "subject, line 1: the filter shout is not allowed"),
        ({"subject": "{{ starts|list }}"}, "subject, line 1: the filter list is not allowed"),
        (
            {"subject": "{% if starts is mapping %}a{% endif %}"},
            "subject, line 1: the test mapping is not allowed",
        ),
        ({"subject": "{# nothing #}"}, "subject: it says nothing"),
        ({"subject": None}, "subject: subject is missing in a template for email"),
    ],
)
def test_a_refusal_says_where_and_why(parts: dict[str, str | None], said: str) -> None:
    assert refusal(parts).startswith(said)


def test_a_message_cannot_leave_out_what_it_is_for() -> None:
    reason = refusal(
        {"subject": "Code", "text": "{{ otp }}", "html": "{{ otp }}{{ link }}"}, template=Template.VERIFY_ADDRESS
    )
    assert reason == "text: it must say link, which this message is written for"


def test_what_a_channel_has_no_place_for_is_refused() -> None:
    with pytest.raises(TemplateBroken, match="html has no place"):
        check(Script("en", 2, "{{ starts }}", None, "<p>"), KIND, Channel.SMS)
    check(Script("en", 2, "{{ starts }}"), KIND, Channel.SMS)


TOKENS = [
    "{{", "}}", "{%", "%}", "{#", "#}", " ", "\n", "if", "else", "endif", "for", "in", "set", "block", "endblock",
    "call", "endcall", "extends", "import", "as", "parts", "parts.html", "layout.html", "'", '"', "(", ")", "[",
    "]", ",", ".", "|", "~", "is", "not", "none", "1e999", "9" * 20, "starts", "venue_name", "default", "e",
    "heading", "facts", "paragraph", "{{ starts }}", "{% if starts %}", "{% endif %}", "upper", "*", "**", "%",
    "{{ starts|default(1e999) }}", "{{ parts.facts(", "{% import 'parts.html' as parts %}", "self", "super()", "ß",
]  # fmt: skip
SOURCES = st.lists(st.sampled_from(TOKENS), max_size=25).map("".join) | st.text(max_size=80)


@given(SOURCES, st.sampled_from(["text", "html"]))
def test_whatever_is_written_is_taken_or_refused(source: str, part: str) -> None:
    """And what is taken can be written out."""
    parts = {"subject": "{{ reference }}", "text": "{{ starts }}", "html": "<p>", part: source}
    try:
        check(Script(language="en", version=2, **parts), KIND, Channel.EMAIL)
    except TemplateBroken:
        return
    values = {**KINDS[KIND].sample, "brand": "B", "language": "en"}
    rendered(source, values, html=part == "html")

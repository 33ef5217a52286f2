"""What a template of the house's own may contain, and the proof that it can be used.

A template is a program that staff writes and the server runs, so it is held to a part of Jinja2 that always ends
soon: text, names, conditions, a few filters, and the layout and parts that are shipped. Nothing in it repeats,
calls itself, keeps a value or multiplies one, so the work grows with the length of the template and no faster. The
sandbox behind it (no attributes, no calls) is the second wall, a bound on what is written out the third.
"""

from collections.abc import Iterator

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from holdfast.contracts.notification import Channel, Template
from holdfast.domains.notification.exceptions import MessageIncomplete, TemplateBroken
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.letters import ENDINGS, PROOF, Script, environment, spoken

FILTERS = frozenset(
    {"spoken_name", "e", "escape", "upper", "lower", "title", "capitalize", "trim", "default", "d"}
)
TESTS = frozenset({"none", "defined", "undefined"})
PARTS = frozenset({"heading", "paragraph", "code", "button", "facts"})
GIVEN = frozenset({"brand", "language"})
PLAIN: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
)


def check(script: Script, template: Template, channel: Channel) -> None:
    """TemplateBroken, with the part, the line and the reason."""
    written = {"subject": script.subject, "text": script.text, "html": script.html}
    for part, source in written.items():
        if (source is not None) != (part in ENDINGS[channel]):
            needs = "is missing" if part in ENDINGS[channel] else "has no place"
            raise broken(part, None, f"{part} {needs} in a template for {channel}")
    for part, source in written.items():
        if source is not None:
            check_part(part, source, template)
    prove(script, template)


def check_part(part: str, source: str, template: Template) -> None:
    html = part == "html"
    try:
        tree = environment(html=html).parse(source)
        for node in every(tree):
            reason = objection(node, template, html=html)
            if reason is not None:
                raise broken(part, node.lineno, reason)
        environment(html=html).compile(tree)
    except TemplateSyntaxError as error:
        raise broken(part, error.lineno, error.message or "not a template") from error
    except (RecursionError, MemoryError) as error:
        raise broken(part, None, "nested too deeply") from error
    except (TemplateError, SyntaxError, ValueError, ArithmeticError) as error:
        raise broken(part, None, str(error)) from error
    said = {node.name for node in every(tree) if isinstance(node, nodes.Name)}
    if part != "subject" and (left_out := sorted(KINDS[template].secrets - said)):
        raise broken(part, None, f"it must say {' and '.join(left_out)}, which this message is written for")


def every(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from every(child)


def objection(node: nodes.Node, template: Template, *, html: bool) -> str | None:
    """Why this may not stand in a template, or None."""
    if isinstance(node, PLAIN) or (html and fits_layout(node)):
        return None
    if isinstance(node, nodes.Name):
        known = {*KINDS[template].sample, *GIVEN, *(("parts",) if html else ())}
        if node.ctx == "load" and node.name in known:
            return None
        return f"there is no {node.name}; this template may say {', '.join(sorted(known - {'parts'}))}"
    if isinstance(node, nodes.Filter):
        return None if node.name in FILTERS else f"the filter {node.name} is not allowed"
    if isinstance(node, nodes.Test):
        return None if node.name in TESTS else f"the test {node.name} is not allowed"
    return f"{type(node).__name__.lower()} is not allowed"


def fits_layout(node: nodes.Node) -> bool:
    """The shipped layout, its blocks, and calls of the shipped parts."""
    match node:
        case nodes.Block() | nodes.CallBlock(args=[]):
            return True
        case nodes.Extends(template=nodes.Const(value="layout.html")):
            return True
        case nodes.Import(template=nodes.Const(value="parts.html"), target="parts"):
            return True
        case nodes.Getattr(node=nodes.Name(name="parts"), attr=name):
            return name in PARTS
        case nodes.Call(node=nodes.Getattr(), kwargs=[], dyn_args=None, dyn_kwargs=None):
            return True
    return False


def prove(script: Script, template: Template) -> None:
    """Written out with all that there is, and again without what may be missing."""
    kind = KINDS[template]
    without = {name: None if name in kind.optional else value for name, value in kind.sample.items()}
    for values in (kind.sample, without):
        try:
            words = spoken(script, template, values=values, letterhead=PROOF)
        except MessageIncomplete as error:
            raise broken("html" if script.html else "text", None, str(error.detail)) from error
        if script.subject is not None and not words.subject:
            raise broken("subject", None, "it says nothing")


def broken(part: str, line: int | None, reason: str) -> TemplateBroken:
    where = f"{part}, line {line}" if line else part
    return TemplateBroken(f"{where}: {reason}", pointer=f"/{part}", line=line)

"""What the documents say is there is there, and what is there they say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from holdfast.cli import app
from holdfast.settings import Group, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
VARIABLE = re.compile(r"\b(?:HOLDFAST_[A-Z_]+|DATABASE_URL|RABBITMQ_URL|[A-Z]+_SERVICE_URL|OTEL_[A-Z_]+)\b")
ENV_LINE = re.compile(r"^#?([A-Z_]+)=(.*)$", re.M)
TABLE_ROW = re.compile(r"^\| `HOLDFAST_.*$", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\bholdfast ((?:[a-z]+ ?){1,2})")
MAKE = re.compile(r"\bmake ([a-z]+)")
SOURCE = re.compile(r"`((?:src|tests|docs)/[\w./-]+)`")


def settings_of(group: type[Group]) -> Iterator[tuple[list[str], object]]:
    """Each setting's variables, the first of them its own, and its default."""
    for field in group.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            yield from settings_of(field.annotation)
        else:
            assert field.validation_alias is not None
            yield [str(name) for name in getattr(field.validation_alias, "choices", [])], field.default


def written(default: object) -> str:
    """A default as an environment variable has it."""
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


SETTINGS = list(settings_of(Settings))
# shown in the example by what they look like
OPTIONAL = {names[0] for names, default in SETTINGS if default is None}
KNOWN = {name for names, _ in SETTINGS for name in names}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(text: str) -> str:
    """What a reader may type: fenced blocks and inline code."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.M | re.S)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))])


def commands() -> set[str]:
    """Every command of `holdfast`, with its group before it."""
    root = get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    found = set()
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {each}" for each in inner} if inner else {name}
    return found


def test_there_are_settings_to_compare() -> None:
    assert len(SETTINGS) >= 14
    assert "HOLDFAST_DATABASE_URL" in KNOWN


def test_the_example_environment_has_every_setting_with_its_default() -> None:
    example = dict(ENV_LINE.findall(read(".env.example")))
    assert set(example) == {names[0] for names, _ in SETTINGS}
    told = {name: value for name, value in example.items() if name not in OPTIONAL}
    assert told == {names[0]: written(default) for names, default in SETTINGS if names[0] not in OPTIONAL}
    assert all(example[name] for name in OPTIONAL)


def test_the_example_environment_can_be_used_as_it_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = read(".env.example").replace("#HOLDFAST_", "HOLDFAST_")
    (tmp_path / ".env").write_text(re.sub(rf"^({'|'.join(OPTIONAL)})=.*$", "", lines, flags=re.M))
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    by_default = Settings()
    monkeypatch.chdir(tmp_path)
    assert Settings() == by_default


def test_the_readme_has_every_setting_with_its_default() -> None:
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in TABLE_ROW.findall(read("README.md"))]
    told = {tuple(VARIABLE.findall(row[0])): row[1].strip("`") for row in rows}
    expected = {tuple(names): written(default) or "none" for names, default in SETTINGS}
    assert told == expected


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_nothing_that_is_not_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    local = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]
    assert [link for link in local if link and not (document.parent / link).exists()] == []
    assert [path for path in SOURCE.findall(text) if not (ROOT / path).exists()] == []
    assert sorted(set(VARIABLE.findall(text)) - KNOWN) == []

    targets = set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), re.M))
    typed = code(text)
    assert sorted(set(MAKE.findall(typed)) - targets) == []
    named = {said.strip() for said in COMMAND.findall(typed)}
    assert [said for said in named if said not in commands() and said.split()[0] not in commands()] == []


def test_the_readme_names_every_command() -> None:
    table = set(re.findall(r"^\| `holdfast ([a-z ]+)` \|", read("README.md"), re.M))
    assert table == commands()


@pytest.mark.parametrize(
    ("text", "named"),
    [("`holdfast fly`", ["fly"]), ("run `holdfast db url`, then", ["db url"]), ("holdfast is good", [])],
)
def test_a_command_that_is_named_is_seen(text: str, named: list[str]) -> None:
    assert [said.strip() for said in COMMAND.findall(code(text))] == named

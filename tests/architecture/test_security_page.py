"""docs/security.md: every risk has a line, every line its tests, and every test that is named exists."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "security.md"
LINE = re.compile(r"^\| (API\d+) [^|]+ \| [^|]{20,} \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")

LINES = {match[1]: NAMED.findall(match[2]) for match in LINE.finditer(PAGE.read_text())}


def functions(path: Path) -> set[str]:
    """The names of a test file's functions."""
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_of_the_ten_risks_has_its_tests() -> None:
    assert list(LINES) == [f"API{number}" for number in range(1, 11)]
    assert [risk for risk, tests in LINES.items() if not tests] == []


@pytest.mark.parametrize("risk", LINES)
def test_every_test_that_is_named_exists(risk: str) -> None:
    missing = [
        f"{file}::{name}"
        for file, name in LINES[risk]
        if not (TESTS / file).is_file() or name not in functions(TESTS / file)
    ]
    assert missing == []


def test_whatever_looks_like_a_test_on_the_page_is_looked_for() -> None:
    named = re.findall(r"\btest_\w+\b(?!\.py)", PAGE.read_text())
    assert sorted(named) == sorted(name for tests in LINES.values() for _, name in tests)

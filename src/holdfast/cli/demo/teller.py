"""How the story looks: calm in a terminal of 80 columns, plain in a pipe."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from typing import TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from holdfast.cli.demo.api import Exchange

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}([0-9a-f]{4})")
TIMES_PER_ROW = 6
# longer lines are hard to follow, however wide the terminal is
WIDTH = 100


Made = TypeVar("Made")


class Teller:
    def __init__(self, console: Console) -> None:
        console.width = min(console.width, WIDTH)
        self.console = console
        self.chapters = 0

    def title(self, text: str, subtitle: str) -> None:
        self.console.print()
        self.console.print(Text.assemble(("  holdfast ", "bold cyan"), (text, "bold")))
        self.console.print(Text(f"  {subtitle}", "dim"))
        self.console.print()

    def setting_up(self, label: str, work: Callable[[], tuple[Made, str]]) -> Made:
        """A spinner while it works (on a terminal), then one line: what came of it, and how long it took."""
        started = time.perf_counter()
        with self.console.status(Text(f"{label} …", "dim"), spinner_style="cyan"):
            made, outcome = work()
        seconds = time.perf_counter() - started
        line = Text.assemble(("✓ ", "green"), f"{label:10}", outcome, (f"  {seconds:.1f} s", "dim"))
        self.indented(line, by=2)
        return made

    def note(self, text: str) -> None:
        self.indented(Text.assemble(("! ", "yellow"), text), by=2)

    def failed(self, text: str) -> None:
        self.console.print()
        self.indented(Text.assemble(("✗ ", "bold red"), text), by=2)

    def chapter(self, title: str, text: str) -> None:
        if not self.chapters:
            self.console.print()
        self.chapters += 1
        heading = Text.assemble((f"{self.chapters:2}", "bold cyan"), "  ", (title, "bold"))
        self.console.print(Rule(heading, align="left", style="dim"))
        self.indented(Text(text, "italic"), by=4)
        self.console.print()

    def exchange(self, exchange: Exchange, sent: Mapping[str, object] | None = None) -> None:
        """The request and its answer's status in one line; beneath it what was sent, by its key fields."""
        self.indented(
            Text.assemble(
                (exchange.method, "bold cyan"),
                f" {shortened(exchange.path)}  ",
                (f"{exchange.status.value} {exchange.status.phrase}", tone(exchange)),
                (f"  {exchange.milliseconds:.0f} ms", "dim"),
            ),
            by=2,
        )
        if sent:
            self.indented(Text(", ".join(f"{name} {value}" for name, value in sent.items()), "dim"), by=4)

    def facts(self, facts: Mapping[str, str | Text]) -> None:
        """What the answer says, by its key fields."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True, min_width=10)
        grid.add_column(overflow="fold")
        for label, value in facts.items():
            grid.add_row(label, value)
        self.indented(grid, by=4)
        self.console.print()

    def table(self, table: Table) -> None:
        self.indented(table, by=4)
        self.console.print()

    def times(self, label: str, times: Iterable[str]) -> None:
        """Times of one day, six to a row."""
        grid = Table.grid(padding=(0, 3))
        every = list(times)
        for start in range(0, len(every), TIMES_PER_ROW):
            grid.add_row(*every[start : start + TIMES_PER_ROW])
        self.console.print()
        self.indented(Text(label, "bold"), by=4)
        self.indented(grid, by=4)
        self.console.print()

    def ending(self, rows: Mapping[str, str], commands: Iterable[str]) -> None:
        grid = Table.grid(padding=(0, 2))
        for label, value in rows.items():
            grid.add_row(label, Text(value, "cyan"))
        self.console.print(
            Panel(grid, title="serving until Ctrl-C", title_align="left", border_style="dim", expand=False)
        )
        for command in commands:
            self.console.print(Text(command), soft_wrap=True)  # in one piece, so that it can be copied
        self.console.print()

    def indented(self, what: RenderableType, *, by: int) -> None:
        self.console.print(Padding(what, (0, 0, 0, by), expand=False))


def table(*headings: str) -> Table:
    drawn = Table(box=SIMPLE_HEAD, show_edge=False, border_style="dim", header_style="dim", pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    return drawn


def shortened(path: str) -> str:
    """Ids by their last four digits: the version 7 ones begin all alike."""
    return UUID.sub(r"…\1", path)


def tone(exchange: Exchange) -> str:
    return "bold green" if exchange.answer.is_success else "bold yellow"


def clock(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%H:%M")


def day(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y}"


def moment(at: datetime, zone: tzinfo) -> str:
    return f"{day(at, zone)} {at.astimezone(zone):%H:%M %Z}"


def period(start: datetime, end: datetime, zone: tzinfo) -> str:
    """In the venue's local time: `Mon 23 Nov 2026 10:00 to 10:20 EST`, or from day to day."""
    if day(start, zone) == day(end, zone):
        return f"{day(start, zone)} {clock(start, zone)} to {end.astimezone(zone):%H:%M %Z}"
    return f"{day(start, zone)} {clock(start, zone)} to {moment(end, zone)}"


def money(amount: str, currency: str) -> str:
    return f"{amount} {currency}"

"""`holdfast demo`: from nothing to a told story, over real HTTP, and then a server to try things on.

run      set up, tell, keep serving      places      what there is to book, found again or made
server   the server in this process      clinic hotel restaurant      the story, a venue at a time
people   the accounts it is told by      visitors    a guest without one, a stranger, the mail
papers   invoices, credit notes, vouchers
api      requests and answers            teller      how it looks in a terminal, or in a pipe
"""

from typing import Annotated

import typer


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="the next free one where it is taken")] = 8000,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="keep serving after the story")] = True,
    at: Annotated[
        str | None, typer.Option(help="tell it to what runs there; the database is its accounts'")
    ] = None,
) -> None:
    """Set up, start, tell a story of bookings step by step, and keep serving; a second run finds what is there."""
    try:
        from holdfast.cli.demo.run import run, run_at  # noqa: PLC0415

        code = run(port=port, keep_serving=serve) if at is None else run_at(at)
    except KeyboardInterrupt:  # while it still loads or already leaves: nothing to tell
        code = 0
    raise typer.Exit(code)

"""A line chart as SVG: rates by the number of clients."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 320
LEFT, TOP, RIGHT, BOTTOM = 70, 40, 170, 40
COLOURS = ("#0b6e4f", "#8d99ae", "#d1495b")

Points = Sequence[tuple[int, float]]


def chart(title: str, lines: Mapping[str, Points]) -> str:
    """Clients are told apart by their place, not to scale; rates begin at zero."""
    clients = sorted({x for points in lines.values() for x, _ in points})
    top = max((y for points in lines.values() for _, y in points), default=1.0) * 1.1 or 1.0
    across = (WIDTH - LEFT - RIGHT) / max(len(clients) - 1, 1)

    def place(x: int, y: float) -> tuple[float, float]:
        return LEFT + clients.index(x) * across, HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    parts = [text(LEFT, 22, title, size=16)]
    for step in range(5):
        _, y = place(clients[0], top * step / 4)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e0e0e0"/>')
        parts.append(text(LEFT - 8, y + 4, f"{top * step / 4:,.0f}", anchor="end"))
    for x in clients:
        parts.append(text(place(x, 0)[0], HEIGHT - BOTTOM + 18, str(x), anchor="middle"))
    parts.append(text(LEFT, HEIGHT - 6, "clients; per second"))
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        dots = [place(*point) for point in points]
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in dots]
        parts.append(text(WIDTH - RIGHT + 16, TOP + 20 * number + 10, name, colour=colour))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", colour: str = "#333") -> str:
    shape = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {shape}>{escape(words)}</text>"

"""The plot of a run: bars of wall time for a file, by case, on one logarithmic scale."""

import math
from html import escape

COLOURS = {"unlabel": "#1b6ca8", "cp": "#777777", "read": "#aaaaaa"}
OTHERS = "#d08030"
LEFT, WIDTH, RIGHT, ROW, TOP = 240, 640, 80, 17, 30


def svg(figures: list) -> str:
    groups = []
    for of in figures:
        walls = [(client, of.median(client, "wall")) for client in of.case.clients]
        groups.append((of.case.name, [(client, wall) for client, wall in walls if wall]))
    values = [wall for _, rows in groups for _, wall in rows]
    if not values:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>\n'
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def place(value: float) -> float:
        return LEFT + WIDTH * (math.log10(value) - low) / (high - low)

    bottom = TOP + sum((len(rows) + 1) * ROW + 8 for _, rows in groups)
    parts = []
    for power in range(low, high + 1):
        x, words = place(10 ** power), f'text-anchor="middle" fill="#555">{time(10 ** power)}</text>'
        parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>')
        parts += [f'<text x="{x:.0f}" y="{y}" {words}' for y in (TOP - 8, bottom + 16)]
    y = TOP
    for name, rows in groups:
        parts.append(f'<text x="8" y="{y + 13}" font-weight="bold">{escape(name)}</text>')
        y += ROW
        base = dict(rows).get("cp -r")
        if base:
            x, end = place(base), y + len(rows) * ROW
            parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{y}" y2="{end}" stroke="#777" stroke-dasharray="3 3"/>')
        for client, wall in rows:
            colour = COLOURS.get(client.split()[0].rstrip(","), OTHERS)
            parts.append(f'<text x="{LEFT - 6}" y="{y + 13}" text-anchor="end">{escape(client)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y + 3}" width="{max(1, place(wall) - LEFT):.0f}" height="12" fill="{colour}"/>')
            parts.append(f'<text x="{place(wall) + 4:.0f}" y="{y + 13}">{time(wall)}</text>')
            y += ROW
        y += 8
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{bottom + 26}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def time(seconds: float) -> str:
    """With a unit in which it is short."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"

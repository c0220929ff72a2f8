#!/usr/bin/env python3
"""Draws what is leaked against images a day, a point for each effort, from docs/eyes.json: docs/eyes.svg."""

import json
import math
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 64, 236, 52, 52
COLOURS = ["#0b6e99", "#b3541e", "#4d7c0f", "#7c3aed", "#9f1239", "#475569"]


def main() -> None:
    told = json.loads((DOCS / "eyes.json").read_text())
    days = [told["efforts"][effort]["a_day"] for effort in told["efforts"]]
    low, high = min(days) / 1.3, max(days) * 1.1
    most = 1.1 * max(max(row) for row in told["leaked"].values())
    x = lambda day: LEFT + (WIDTH - LEFT - RIGHT) * math.log(day / low) / math.log(high / low)  # noqa: E731
    y = lambda share: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share / most  # noqa: E731
    text = lambda x, y, words, more="": f'<text x="{x:.0f}" y="{y:.0f}" {more}>{words}</text>'  # noqa: E731
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="#1f2937">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           text(LEFT, 20, "Left to be seen, of what is there, against images a day", 'font-weight="bold" font-size="15"'),
           text(LEFT, 38, told["processor"], 'fill="#6b7280" font-size="12"')]
    for share in range(0, math.floor(most) + 1, 2 if most > 6 else 1):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(share):.0f}" y2="{y(share):.0f}" stroke="#e5e7eb"/>')
        out.append(text(LEFT - 8, y(share) + 4, f"{share} %", 'text-anchor="end"'))
    for effort, day in zip(told["efforts"], days):
        out.append(f'<line x1="{x(day):.0f}" x2="{x(day):.0f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e5e7eb"/>')
        # Words of two that are close lean away from each other.
        beside = [other for other in days if other != day and abs(x(other) - x(day)) < 90]
        anchor = f'text-anchor="{"middle" if not beside else "end" if beside[0] > day else "start"}"'
        out.append(text(x(day), HEIGHT - BOTTOM + 18, effort, f'{anchor} font-weight="bold"'))
        out.append(text(x(day), HEIGHT - BOTTOM + 36, f"{day / 1e6:.1f} million", f'{anchor} font-size="12"'))
    labels: list[float] = []
    for (name, row), colour in sorted(zip(told["leaked"].items(), COLOURS), key=lambda item: -item[0][1][0]):
        points = [(x(day), y(share)) for day, share in zip(days, row)]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>' for a, b in points]
        # At the fastest, beside its line, and no two on each other.
        at = max([points[0][1] + 4] + [used + 16 for used in labels[-1:]])
        labels.append(at)
        out.append(text(WIDTH - RIGHT + 12, at, name, f'fill="{colour}"'))
    (DOCS / "eyes.svg").write_text("\n".join([*out, "</svg>"]) + "\n")


if __name__ == "__main__":
    main()

"""Curves over N as SVG; N and the values on logarithmic scales."""

import math

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 360, 60, 40, 30
COLOURS = ["#1b6ca8", "#c1440e", "#3a7d44", "#7b4fa3"]


def scale(low, high, begin, end):
    low, high = math.log10(low), math.log10(high)
    return lambda x: begin + (math.log10(x) - low) / ((high - low) or 1) * \
        (end - begin)


def ticks(low, high):
    return [m * 10 ** e for e in range(math.floor(math.log10(low)),
                                       math.ceil(math.log10(high)) + 1)
            for m in (1, 2, 5) if low <= m * 10 ** e <= high]


def svg(title, curves):
    """CURVES maps a name to its [(n, value)]."""
    ns = [n for points in curves.values() for n, _ in points]
    values = [v for points in curves.values() for _, v in points]
    low, high = min(values) / 1.3, max(values) * 1.3
    x = scale(min(ns), max(ns), LEFT, WIDTH - 130)
    y = scale(low, high, HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<text x="{LEFT}" y="18" font-size="14">{title}</text>']
    for tick in ticks(low, high):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 130}" y1="{y(tick):.1f}" '
                   f'y2="{y(tick):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" '
                   f'text-anchor="end">{tick:g}</text>')
    for n in sorted(set(ns)):
        out.append(f'<text x="{x(n):.1f}" y="{HEIGHT - 20}" '
                   f'text-anchor="middle">{n:,}</text>')
    for colour, (name, points) in zip(COLOURS, curves.items()):
        path = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in points)
        out.append(f'<polyline points="{path}" fill="none" '
                   f'stroke="{colour}" stroke-width="2"/>')
        n, v = points[-1]
        out.append(f'<text x="{x(n) + 6:.1f}" y="{y(v) + 4:.1f}" '
                   f'fill="{colour}">{name}</text>')
    return "\n".join(out + ["</svg>\n"])

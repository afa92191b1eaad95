"""Figures with their spread, and what they are held against."""

from statistics import median


class Figure:
    """One line of the table: what was measured, several times if it has to do
    with time, and the goal: at most LIMIT, if there is one."""

    def __init__(self, name, values, unit="", limit=None, note=""):
        self.name = name
        self.values = [float(v) for v in values]
        self.unit = unit
        self.limit = limit
        self.note = note

    @property
    def value(self):
        return median(self.values)

    @property
    def met(self):
        """None: there is no goal."""
        return None if self.limit is None else self.value <= self.limit

    def text(self):
        return f"{show(self.value)} {self.unit}".strip()

    def spread(self):
        low, high = min(self.values), max(self.values)
        return "" if low == high else f"{show(low)} to {show(high)}"

    def goal(self):
        return "" if self.limit is None else \
            f"at most {show(self.limit)} {self.unit}".strip()

    def verdict(self):
        return {None: "", True: "met", False: "MISSED"}[self.met]


def show(x):
    """Three digits, and no more."""
    if x >= 100 or x == int(x):
        return f"{x:,.0f}"
    return f"{x:.1f}" if x >= 10 else f"{x:.2f}"


HEAD = ["figure", "measured", "spread", "goal", "", "note"]


def table(figures):
    """As Markdown, in columns."""
    rows = [HEAD] + [[f.name, f.text(), f.spread(), f.goal(), f.verdict(),
                      f.note] for f in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    rows.insert(1, ["-" * w for w in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"
        for row in rows)


def bars(title, points, width=50):
    """A plot for a terminal: (label, value) and a bar each."""
    top = max(value for _, value in points)
    return "\n".join([title] + [
        f"{label:>8} {'#' * max(1, round(value / top * width))} {show(value)}"
        for label, value in points])

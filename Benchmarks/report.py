"""Figures beside their targets, as a table for people and as JSON for programs."""

import json
import platform
import subprocess
from dataclasses import asdict, dataclass


@dataclass
class Figure:
    """One measured value.

    `target` is the most that it may be, or the least where `at_least`; without one the value only informs.
    """

    benchmark: str
    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    #: What the value was made of: minimum and maximum of the rounds, the floor of the same run.
    note: str = ""

    @property
    def met(self):
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def spread(values):
    return f"{min(values):.3g} to {max(values):.3g}"


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"


def machine():
    model = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    cpus = subprocess.run(["nproc"], capture_output=True, text=True).stdout.strip()
    load = open("/proc/loadavg").read().split()[0]
    return f"{cpus} x {model}, Linux {platform.release()}, load at the end {load}"


def as_table(figures):
    rows = [("benchmark", "figure", "value", "target", "", "rounds, floor")]
    for figure in figures:
        target = ""
        if figure.target is not None:
            target = f"{'>=' if figure.at_least else '<='} {number(figure.target)} {figure.unit}"
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
        rows.append(
            (figure.benchmark, figure.name, f"{number(figure.value)} {figure.unit}", target, verdict, figure.note)
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", machine()])


def as_json(figures):
    return json.dumps(
        {"machine": machine(), "figures": [{**asdict(figure), "met": figure.met} for figure in figures]}, indent=2
    )

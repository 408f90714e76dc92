"""Placement: the time of a decision, the memory of a fleet, and a workload beside simpler strategies."""

import json
import statistics
import subprocess
import sys

from report import Figure, spread
from service import BINARY

NAME = "placement"
DECISION_P50_US_MAX = 20
DECISION_P99_US_MAX = 100
MILLION_MIB_MAX = 300
#: Hosts of the workload are a quarter of the size, so that it fills a good part of them.
TRACE = ("--workers", "1000", "--host-scale", "0.25", "--rate-max", "5", "--seconds", "1800", "--warm-up", "600")


def simulate(*arguments):
    """What the simulator prints."""
    print(f"placement: {' '.join(arguments)}", file=sys.stderr)
    command = [str(BINARY.with_name("placement-simulator")), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def decisions(environments, count, rounds, compared):
    found = simulate("decide", "--environments", str(environments), "--decisions", str(count),
                     "--rounds", str(rounds), "--compared", str(compared))  # fmt: skip
    fleet = f"{found['environments']:,} environments of {found['functions']:,} functions"
    best = f"the best of all in {found['bestOfAll'] / compared:.1%} of {compared:,}, worst loss {found['lossMax']:.3g}"
    return [
        Figure(NAME, "decision, 10,000 workers, p50", statistics.median(found["p50"]), "us", DECISION_P50_US_MAX,
               note=f"{spread(found['p50'])}; {fleet}"),
        Figure(NAME, "decision, 10,000 workers, p99", statistics.median(found["p99"]), "us", DECISION_P99_US_MAX,
               note=spread(found["p99"])),
        Figure(NAME, "refusal, 10,000 workers, p50", statistics.median(found["refusalP50"]), "us",
               note=f"{spread(found['refusalP50'])}; looks at all workers to say why"),
        Figure(NAME, "loss against a full search", found["lossMean"], "of the score", note=best),
    ]  # fmt: skip


def memory(name, count, *arguments):
    found = simulate("decide", "--environments", str(count), "--rounds", "0", *arguments)
    if found["environments"] != count:
        raise SystemExit(f"only {found['environments']:,} of {count:,} environments found room")
    note = f"{found['functions']:,} functions; the whole process never had more than {found['peakMiB']:.0f} MiB"
    return Figure(NAME, name, found["fleetMiB"], "MiB", MILLION_MIB_MAX, note=note)


def workload(functions, *arguments):
    return [served(report) for report in simulate("trace", "--functions", str(functions), *arguments, *TRACE)]


def served(report):
    """How a strategy has served the workload."""
    cold = report["coldStarts"] / report["invocations"]
    parts = [
        f"{report['emptyHosts']:.1%} of hosts",
        f"memory of the others {report['utilisation']:.0%} used",
        f"largest zone has {report['zoneShare']:.1%} of a function (at best {report['zoneShareLeast']:.1%})",
        f"largest host {report['hostShare']:.1%}",
        f"noisy share {report['noisyPart']:.2%}",
        f"cold {cold:.2%}, code there {report['codeHits'] / max(1, report['coldStarts']):.1%}",
        f"refused {report['refused']:,}",
        f"decision p50 {report['decisionP50']:.3g} us, p99 {report['decisionP99']:.3g} us",
    ]
    name = f"memory on hosts left empty, {report['strategy']}"
    return Figure(NAME, name, report["emptyMemory"] * 100, "%", note="; ".join(parts))


def run():
    return [
        *decisions(300_000, 20_000, rounds=7, compared=2000),
        memory("1,000,000 environments", 1_000_000),
        memory("1,000,000 environments, all of different functions", 1_000_000, "--per-function-max", "1"),
        *workload(50_000, "--strategies", "swiftlet,full,best,first,random"),
    ]


def quick():
    return [
        *decisions(50_000, 5_000, rounds=3, compared=100),
        memory("100,000 environments", 100_000),
        *workload(2_000),
    ]

"""Runs the benchmarks and shows their figures beside the targets: `make bench`.

/usr/bin/python3 Benchmarks/run.py [--quick] [--json] [warm_invoke] [cold_start] [memory] [density] [freeze] [neighbour]
    [api] [event_queue] [placement] [fleet] [microvm]
"""

import argparse
import sys

import api
import cold_start
import density
import event_queue
import fleet
import freeze
import memory
import microvm
import neighbour
import placement
import report
import warm_invoke

BENCHMARKS = {
    "warm_invoke": warm_invoke, "cold_start": cold_start, "memory": memory, "density": density, "freeze": freeze,
    "neighbour": neighbour, "api": api, "event_queue": event_queue,
    "placement": placement, "fleet": fleet, "microvm": microvm,
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description="Measure Swiftlet's release build beside its floors.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="few and short rounds, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    figures = []
    for name in arguments.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        figures += benchmark.quick() if arguments.quick else benchmark.run()
    print(report.as_json(figures) if arguments.json else report.as_table(figures))
    return 1 if any(figure.met is False for figure in figures) else 0


sys.exit(main())

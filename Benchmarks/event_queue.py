"""The event queue: accepting events, starting them, working off a backlog, a million that wait, a noisy neighbour."""

import json
import os
import statistics
import sys
from pathlib import Path

import events
import load
from api import synchronised_write_ms
from neighbour import CPUS_MIN, RATIO_MAX
from report import Figure, spread
from service import raw_exchange
from warm_invoke import Floor

NAME = "event queue"
MEBIBYTE = 1 << 20
ACCEPT_RATE_MIN = 5000
ACCEPT_P99_MS_MAX = 50
START_P50_MS_MAX = 5
#: Of the throughput of synchronous invokes.
DRAIN_RATIO_MIN = 0.8
#: Of what an empty queue does.
DEEP_RATIO_MIN = 0.8
#: What counts as constant for a million events: 16 bytes for each, less than any record of one.
GROWTH_MIB_MAX = 16
WRITES = 50
#: How long an event of the noisy function takes.
NOISE_SECONDS = {"busy": 0.01, "asleep": 0.05}


def say(text):
    print(f"event queue: {text}", file=sys.stderr)


def median(values):
    return statistics.median(values)


def p99(values):
    return statistics.quantiles(values, n=100)[98]


def accepting(rounds, seconds):
    """Events that wait, and events of a function that runs meanwhile, beside the bare server and the disk."""
    runs, floors, writes = {"waiting": [], "running": []}, [], []
    with events.service() as service:
        paths = {"waiting": events.create_held(service, "waiting"), "running": service.create_echo("running")}
        events.reserve(service, "running", events.PLACES)
        answer = raw_exchange(service.port, paths["waiting"], events.BODY.encode(), events.EVENT)
        with Floor(answer) as floor:
            for number in range(rounds + 1):
                say(f"accepting, round {number} of {rounds}")
                writes += [synchronised_write_ms(service.directory) for _ in range(WRITES)]
                bare = load.run(floor.port, "/", events.CLIENTS, seconds, body=events.BODY, headers=events.EVENT)
                floors.append(bare)
                for kind, path in paths.items():
                    runs[kind].append(events.accept(service, path, seconds))
                    events.purge(service, kind, held=1 if kind == "waiting" else 0)
    # The first round brings up environments and files.
    floors = floors[1:]
    floor_rate = median([floor.per_second for floor in floors])
    disk = f"synchronised write {median(writes):.3g} ms, p99 {p99(writes):.3g}"
    for kind, all_of_kind in runs.items():
        own, cpu = zip(*all_of_kind[1:])
        label = f"accept, {events.CLIENTS} clients, function {kind}"
        rates, target = [run.per_second for run in own], kind == "waiting"
        ratios = [run.per_second / floor.per_second for run, floor in zip(own, floors)]
        yield Figure(NAME, f"{label}: throughput", median(rates), "/s", ACCEPT_RATE_MIN if target else None, True,
                     note=f"{spread(rates)}, floor {floor_rate:,.0f}; {disk}")  # fmt: skip
        yield Figure(NAME, f"{label}: throughput over floor", median(ratios), "x", note=spread(ratios))
        for name, most in ("p50_ms", None), ("p99_ms", ACCEPT_P99_MS_MAX if target else None):
            values, bare = [getattr(run, name) for run in own], [getattr(floor, name) for floor in floors]
            yield Figure(NAME, f"{label}: {name[:3]}", median(values), "ms", most,
                         note=f"{spread(values)}, floor {median(bare):.3g}")  # fmt: skip
        yield Figure(NAME, f"{label}: own CPU", median(cpu), "us", note=spread(cpu))


def starting(rounds, count):
    """One event at a time on a warm function, in turns with synchronous invokes."""
    sent, accepted, synchronous = [], [], []
    with events.service() as service:
        path = events.create_python(service, "victim", events.BEGINNING)
        events.starts(service, "victim", path, 10)
        for number in range(rounds):
            say(f"starting, round {number + 1} of {rounds}")
            found = events.starts(service, "victim", path, count)
            sent.append(found.sent)
            accepted.append(found.accepted)
            synchronous.append(found.synchronous)
        writes = [synchronised_write_ms(service.directory) for _ in range(WRITES)]
    middles = [median(values) for values in sent]
    ratios = [median(event) / median(other) for event, other in zip(sent, synchronous)]
    everything, floor, acknowledged = sum(sent, []), sum(synchronous, []), sum(accepted, [])
    yield Figure(NAME, "sent to start, idle: p50", median(middles), "ms", START_P50_MS_MAX,
                 note=f"{spread(middles)}, from its acceptance {median(acknowledged):.3g}, synchronous "
                 f"{median(floor):.3g}, synchronised write {median(writes):.3g}")  # fmt: skip
    yield Figure(NAME, "sent to start, idle: p99", p99(everything), "ms",
                 note=f"of {len(everything):,}, from its acceptance {p99(acknowledged):.3g}, synchronous "
                 f"{p99(floor):.3g}")  # fmt: skip
    yield Figure(NAME, "sent to start, idle: p50 over synchronous", median(ratios), "x", note=spread(ratios))


def draining(rounds, count, seconds):
    """A backlog of the compiled echo, in turns with synchronous invokes of it by as many clients as it has places."""
    drains, loads, depths, cpu = [], [], [], []
    with events.service() as service:
        for number in range(rounds):
            say(f"draining, round {number + 1} of {rounds}")
            name = f"drained-{number}"
            path = events.create_gated_echo(service, name)
            depths.append(events.fill(service, name, path, count))
            drains.append(events.drain(service, name))
            events.settle(service)
            before = service.cpu_seconds()
            loads.append(load.run(service.port, path, events.PLACES, seconds, body=events.BODY))
            cpu.append((service.cpu_seconds() - before) * 1e6 / max(1, loads[-1].requests))
            if loads[-1].errors:
                raise SystemExit(f"{loads[-1].errors} invokes failed; the log:\n{service.log[-4000:]}")
    rates, whole = [drain.per_second for drain in drains], [run.per_second for run in loads]
    ratios = [one / other for one, other in zip(rates, whole)]
    used = [drain.cpu_us for drain in drains]
    label = f"drain, {events.PLACES} places, compiled echo"
    yield Figure(NAME, f"{label}: over synchronous", median(ratios), "x", DRAIN_RATIO_MIN, True, note=spread(ratios))
    yield Figure(NAME, f"{label}: throughput", median(rates), "/s",
                 note=f"{spread(rates)}, synchronous {median(whole):,.0f}, backlog {min(depths):,}")  # fmt: skip
    yield Figure(NAME, f"{label}: own CPU", median(used), "us",
                 note=f"{spread(used)}, synchronous {median(cpu):.3g}")  # fmt: skip


def queue_bytes(service):
    return sum(path.stat().st_size for path in Path(service.directory, "data").glob("queue.sqlite*"))


def deep(rounds, count, seconds, backlog):
    """A service with very many events in its queue in turns with one that has none."""
    accepts, drains, delays = [], [], []
    with events.service() as empty, events.service() as full:
        paths = {service: events.create_held(service, "held") for service in (empty, full)}
        for service in empty, full:
            # What any load brings with it: buffers, environments, files.
            fill_and_drain(service, paths[service], backlog)
            events.accept(service, paths[service], seconds)
            events.purge(service, "held", held=1)
        before = full.resident_bytes()
        say(f"accepting {count:,} events")
        events.fill(full, "held", paths[full], count)
        idle = events.settle(full)
        depth, growth, size = events.queue(full, "held").depth, full.resident_bytes() - before, queue_bytes(full)
        for number in range(rounds):
            say(f"{count:,} events, round {number + 1} of {rounds}")
            pair = []
            for service in empty, full:
                pair.append(events.accept(service, paths[service], seconds)[0].per_second)
                if service is empty:
                    events.purge(service, "held", held=1)
                else:
                    events.settle(service)
            accepts.append(pair)
            one = fill_and_drain(empty, paths[empty], backlog)
            other = opened(full, lambda: events.drain(full, "held", seconds))
            drains.append([one.per_second, other.per_second])
            delays.append(other.delay)
        after = full.resident_bytes()
        start = full.restart()
        events.settle(full)
        restarted = full.resident_bytes()
    yield Figure(NAME, f"{count:,} events: growth of the memory", max(0, growth) / MEBIBYTE, "MiB", GROWTH_MIB_MAX,
                 note=f"{depth:,} wait; resident before {before / MEBIBYTE:.1f}, in the end {after / MEBIBYTE:.1f}, "
                 f"after a start {restarted / MEBIBYTE:.1f}; on the disk {size / depth:.0f} bytes each")  # fmt: skip
    for name, pairs in ("accept", accepts), ("drain", drains):
        ratios = [other / one for one, other in pairs]
        one, other = (median(values) for values in zip(*pairs))
        yield Figure(NAME, f"{count:,} events: {name} over empty", median(ratios), "x", DEEP_RATIO_MIN, True,
                     note=f"{spread(ratios)}; empty {one:,.0f}/s, full {other:,.0f}/s")  # fmt: skip
    yield Figure(NAME, f"{count:,} events: idle CPU", idle * 100, "% of a core", note="over 1 s")
    yield Figure(NAME, f"{count:,} events: place to first start", median(delays), "s", note=spread(delays))
    yield Figure(NAME, f"{count:,} events: start of the service", start, "s")


def opened(service, action):
    """Does something while the function whose events wait has places for them."""
    events.reserve(service, "held", events.PLACES + 1)
    result = action()
    events.reserve(service, "held", 1)
    return result


def fill_and_drain(service, path, backlog):
    events.fill(service, "held", path, backlog)
    result = opened(service, lambda: events.drain(service, "held"))
    events.purge(service, "held", held=1)
    return result


def noisy(rounds, count, backlog):
    """The start of a function while another has a backlog, and a moment before."""
    found = {kind: [] for kind in NOISE_SECONDS}
    left = {kind: [] for kind in NOISE_SECONDS}
    with events.service() as service:
        victim = events.create_python(service, "victim", events.BEGINNING)
        noise = events.create_python(service, "noise", events.TIMED)
        events.reserve(service, "noise", events.PLACES)
        events.starts(service, "victim", victim, 10)
        for number in range(rounds):
            say(f"noisy neighbour, round {number + 1} of {rounds}")
            for kind, takes in NOISE_SECONDS.items():
                quiet = events.starts(service, "victim", victim, count)
                events.fill(service, "noise", noise, backlog, json.dumps({kind: takes}))
                beside = events.starts(service, "victim", victim, count)
                found[kind].append((quiet, beside))
                left[kind].append(events.queue(service, "noise").waiting)
                events.purge(service, "noise")
    target = RATIO_MAX if os.cpu_count() >= CPUS_MIN else None
    for kind, pairs in found.items():
        label = f"sent to start, another has {backlog:,} events and is {kind}"
        for name, of, most in ("p50", median, None), ("p99", p99, target):
            ratios = [of(beside.sent) / of(quiet.sent) for quiet, beside in pairs]
            quiet, beside = (median([of(one.sent) for one in side]) for side in zip(*pairs))
            bare, other = (median([of(one.synchronous) for one in side]) for side in zip(*pairs))
            yield Figure(NAME, f"{label}: {name} over quiet", median(ratios), "x", most,
                         note=f"{spread(ratios)}; quiet {quiet:.3g} ms, beside {beside:.3g} ms; synchronous {bare:.3g} "
                         f"and {other:.3g}; {min(left[kind]):,} or more left")  # fmt: skip


def run():
    return [
        *accepting(rounds=5, seconds=3),
        *starting(rounds=5, count=100),
        *draining(rounds=5, count=10_000, seconds=3),
        *deep(rounds=3, count=1_000_000, seconds=3, backlog=10_000),
        *noisy(rounds=3, count=100, backlog=10_000),
    ]


def quick():
    return [
        *accepting(rounds=1, seconds=1),
        *starting(rounds=1, count=30),
        *draining(rounds=1, count=1000, seconds=1),
        *deep(rounds=1, count=20_000, seconds=1, backlog=2000),
        *noisy(rounds=1, count=20, backlog=2000),
    ]

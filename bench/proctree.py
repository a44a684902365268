"""CPU time and memory of a process and everything it started, from /proc."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from attrs import field, frozen

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


@frozen
class Stat:
    """The members of ``/proc/<pid>/stat`` that matter here.

    Attributes:
        ticks: User + system, with ended threads and reaped children.
        started: When it began, in ticks since boot: with the id it names one process for ever.
    """

    pid: int
    parent: int
    session: int
    ticks: int
    started: int


def parse_stat(text: str) -> Stat:
    """Read a ``stat`` line; a command name may hold spaces and brackets."""
    pid, _, rest = text.partition(" (")
    values = rest.rpartition(")")[2].split()
    return Stat(
        int(pid),
        parent=int(values[1]),
        session=int(values[3]),
        ticks=sum(int(value) for value in values[11:15]),
        started=int(values[19]),
    )


@frozen
class Sample:
    """What a tree has used until now.

    Attributes:
        ticks: As the kernel tells it in ``stat``: coarse (10 ms), but nothing is lost.
        run_ns: From ``schedstat`` by process: fine, but threads that end take theirs along.
        rss_bytes: Resident memory, shared pages counted once a process.
    """

    ticks: int
    run_ns: int
    rss_bytes: int
    pids: tuple[int, ...] = field(default=())


def members(root: int, stats: Mapping[int, Stat]) -> tuple[int, ...]:
    """Return *root*, its descendants, and orphans of its session, which it leads."""
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    found: set[int] = set()
    heads = [root, *(stat.pid for stat in stats.values() if stat.session == root)]
    while heads:
        pid = heads.pop()
        if pid in stats and pid not in found:
            found.add(pid)
            heads += children.get(pid, [])
    return tuple(sorted(found))


def _stats() -> Iterator[Stat]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield parse_stat((entry / "stat").read_text())


def _run_ns(pid: int) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total


def _rss_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES
    return 0


def look(root: int) -> Sample:
    """Sample the tree under *root*."""
    stats = {stat.pid: stat for stat in _stats()}
    pids = members(root, stats)
    return Sample(
        ticks=sum(stats[pid].ticks for pid in pids),
        run_ns=sum(_run_ns(pid) for pid in pids),
        rss_bytes=sum(_rss_bytes(pid) for pid in pids),
        pids=pids,
    )


def kill(processes: Collection[Stat]) -> None:
    """End those of *processes* that still run; an id that now belongs to another process is left alone."""
    now = {stat.pid: stat.started for stat in _stats()}
    for each in processes:
        if now.get(each.pid) == each.started:
            with contextlib.suppress(OSError):
                os.kill(each.pid, signal.SIGKILL)


def processes(root: int) -> tuple[Stat, ...]:
    """Return the tree under *root*."""
    stats = {stat.pid: stat for stat in _stats()}
    return tuple(stats[pid] for pid in members(root, stats))


def rss_bytes(pids: tuple[int, ...]) -> int:
    """Return the resident memory of *pids*; cheap enough for every 50 ms."""
    return sum(_rss_bytes(pid) for pid in pids)


def spent_s(before: Sample, after: Sample) -> float:
    """Return the CPU seconds between two samples: the fine count, unless threads or processes ended and took some of it along."""
    coarse, fine = (after.ticks - before.ticks) / TICKS_PER_S, (after.run_ns - before.run_ns) / 1e9
    rounding = 0.02 * max(1, len(after.pids)) + 0.02 * coarse
    return fine if fine > 0 and abs(coarse - fine) <= rounding else coarse

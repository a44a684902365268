"""What strace wrote, read again: recordings of version 6.1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bench import strace
from bench.errors import BenchError
from bench.strace import one_call, parse_counts, traced
from bench.syscalls import Column, Found, rows, shown

COUNTED = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 38.20    0.005419           8       600           epoll_pwait
 27.94    0.003963           9       400           write
 11.71    0.001661           4       400           read
  8.82    0.001251           2       400           getpid
  7.94    0.001126          26        40        10 futex
  0.03    0.000004           4         1           rseq
  0.00    0.000000           0         1           io_uring_enter
------ ----------- ----------- --------- --------- ----------------
100.00    0.014185           6      1842        10 total
"""
ORDERED = """\
10730 futex(0x55fcc998f510, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL, FUTEX_BITSET_MATCH_ANY <unfinished ...>
10727 epoll_pwait(4, [{events=EPOLLIN, data={u32=3, u64=3}}], 1024, 250, NULL, 8) = 1
10727 accept4(3, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK) = 17
10727 read(17, "POST /v1/chat/completion"..., 256000) = 1101
10727 write(59, "POST /v1/chat/completion"..., 1139) = 1139
10727 read(59, "HTTP/1.1 200 OK\\r\\ncontent"..., 256000) = 785
10727 write(17, "HTTP/1.1 200 OK\\r\\ncontent"..., 886) = 886
10727 epoll_pwait(4, [{events=EPOLLIN, data={u32=17, u64=17}}], 1024, 197, NULL, 8) = 1
10727 read(17, "POST /v1/chat/completion"..., 256000) = 1101
10727 getpid()                          = 10727
10727 write(76, "POST /v1/chat/completion"..., 1139) = 1139
10727 epoll_pwait(4,  <unfinished ...>
10730 <... futex resumed>)              = 0
10730 pwrite64(17, "\\0\\0\\0003\\n\\0\\0", 61504, 0) = 61504
10727 <... epoll_pwait resumed>[{events=EPOLLIN, data={u32=76, u64=76}}], 1024, 197, NULL, 8) = 1
10727 read(76, "HTTP/1.1 200 OK\\r\\ncontent"..., 256000) = 785
10727 write(17, "HTTP/1.1 200 OK\\r\\ncontent"..., 886) = 886
10727 epoll_pwait(4, [{events=EPOLLIN, data={u32=17, u64=17}}], 1024, 0, NULL, 8) = 1
10727 read(17, "POST /v1/chat/completion"..., 256000) = 1101
10727 epoll_pwait(4,  <detached ...>
"""


def test_counts_are_read_from_strace_s_table():
    """With and without errors; the sum is no system call."""
    counts = parse_counts(COUNTED.splitlines())

    assert {"epoll_pwait": 600, "write": 400, "read": 400, "getpid": 400, "futex": 40, "rseq": 1, "io_uring_enter": 1} == counts


def test_without_a_table_there_are_no_counts():
    """What strace said instead is in the message."""
    with pytest.raises(BenchError, match="Operation not permitted"):
        parse_counts(["strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted"])


def test_one_call_is_cut_out_of_its_thread():
    """From its request to the next one; calls that were interrupted by another thread are joined, connections are named."""
    call = one_call(ORDERED.splitlines())

    assert [
        'read(client, "POST /v1/chat/completion"..., 256000) = 1101',
        "getpid() = 10727",
        'write(upstream, "POST /v1/chat/completion"..., 1139) = 1139',
        "epoll_pwait(4, [{events=EPOLLIN, data={u32=76, u64=76}}], 1024, 197, NULL, 8) = 1",
        'read(upstream, "HTTP/1.1 200 OK\\r\\ncontent"..., 256000) = 785',
        'write(client, "HTTP/1.1 200 OK\\r\\ncontent"..., 886) = 886',
        "epoll_pwait(4, [{events=EPOLLIN, data={u32=17, u64=17}}], 1024, 0, NULL, 8) = 1",
    ] == call


def test_one_request_alone_is_not_shown():
    """Nobody can tell where it ends."""
    with pytest.raises(BenchError, match="no two requests"):
        one_call(ORDERED.splitlines()[:8])


def test_the_table_has_groups_names_and_others():
    """What happens less than once in two calls stands under "others"; columns sum up."""
    columns = [
        Column("nginx", "call, 1 at a time", 100, {"epoll_wait": 200, "recvfrom": 300, "writev": 200, "ioctl": 100}),
        Column("llmlb", "call, 1 at a time", 200, parse_counts(COUNTED.splitlines())),
    ]

    table = dict(rows(columns))

    assert [2.0, 3.0] == table["wait (`epoll_wait`, `epoll_pwait`)"]
    assert [3.0, 2.0] == table["read (`read`, `recvfrom`)"]
    assert [1.0, 0.0] == table["`ioctl`"]
    assert [0.0, 2.0] == table["`getpid`"]
    assert [0.0, 0.01] == table["others"]
    assert [8.0, 9.21] == table["**all**"]


def test_the_page_gets_table_and_order():
    """Long lines are cut; no more of a buffer is shown than tells what it is."""
    found = Found([Column("llmlb", "call, 1 at a time", 200, {"read": 400})], [*one_call(ORDERED.splitlines()), "x" * 200])

    text = shown(found, "2026-01-02T03:04:05+00:00")

    assert "| system calls of one | call, 1 at a time: llmlb |" in text
    assert "| read (`read`) | 2.00 |" in text
    assert "read(client" in text
    assert max(len(line) for line in text.splitlines()) < 250
    assert "x" * 109 + "…" in text
    assert strace.SHOWN_BYTES < 32


def test_without_strace_the_reason_is_told(monkeypatch):
    """And how it is installed."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(BenchError, match="apt-get install strace"), traced([os.getpid()]):
        pass


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt-get install strace)")
def test_a_process_that_cannot_be_traced_is_told():
    """Here it has ended; strace's own words are in the message."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    with pytest.raises(BenchError, match="may not look at the server"), traced([gone.pid], "-c"):
        pass

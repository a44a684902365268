"""What perf wrote, read again: recordings of version 6.1."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.parts import Column, shares_of, table

SAMPLED = """\

\t          102ac7 _PyEval_EvalFrameDefault (/usr/bin/python3.11)
\t    7fe9ae9b5b80 [unknown] ([unknown])

\tffffffff82203249 _raw_spin_unlock_irqrestore ([kernel.kallsyms])
\tffffffff82010ddb tcp_sendmsg ([kernel.kallsyms])
\tffffffff816bb758 vfs_write ([kernel.kallsyms])
\tffffffff816bba2a ksys_write ([kernel.kallsyms])
\tffffffff821ef691 do_syscall_64 ([kernel.kallsyms])
\t           f838f __GI___libc_write (/usr/lib/x86_64-linux-gnu/libc.so.6)

\tffffffff82010ddb tcp_sendmsg ([kernel.kallsyms])
\tffffffff816bba2a do_writev ([kernel.kallsyms])
\tffffffff821ef691 do_syscall_64 ([kernel.kallsyms])

\tffffffff82010ddb tcp_recvmsg ([kernel.kallsyms])
\tffffffff816bba2a __sys_recvfrom ([kernel.kallsyms])
\tffffffff821ef691 do_syscall_64 ([kernel.kallsyms])

\tffffffff81309723 read_tsc ([kernel.kallsyms])
\tffffffff81733cca __x64_sys_epoll_pwait ([kernel.kallsyms])
\tffffffff821ef691 do_syscall_64 ([kernel.kallsyms])

\tffffffff821ef666 do_syscall_64 ([kernel.kallsyms])
\t          10ad6a __GI___setsockopt (/usr/lib/x86_64-linux-gnu/libc.so.6)

\tffffffff821ef666 asm_exc_page_fault ([kernel.kallsyms])

\t           d6655 json_skip_string (/x/msgspec/_core.cpython-311-x86_64-linux-gnu.so)

\t           d6655 __pyx_f_6uvloop_4loop_6Handle__run (/x/uvloop/loop.cpython-311-x86_64-linux-gnu.so)

\t           d6655 deflate (/usr/lib/x86_64-linux-gnu/libz.so.1)
"""


def test_samples_are_put_where_they_belong():
    shares = shares_of(SAMPLED.splitlines())

    assert shares == {
        "Python: byte codes and what they call in the interpreter": 0.1,
        "the kernel: sending": 0.2,
        "the kernel: receiving": 0.1,
        "the kernel: waiting": 0.1,
        "the kernel: other calls": 0.1,
        "the kernel: interrupts and page faults": 0.1,
        "msgspec": 0.1,
        "uvloop": 0.1,
        "other libraries": 0.1,
    }


def test_no_sample_is_no_profile():
    with pytest.raises(BenchError, match="perf_event_paranoid"):
        shares_of([])


def test_the_table_leaves_out_what_takes_nothing_and_adds_up():
    columns = [
        Column("nginx", "call", 18.4, {"nginx itself": 0.25, "the kernel: sending": 0.75}),
        Column("llmlb", "call", 68.0, {"uvloop": 0.499, "the kernel: sending": 0.5, "SQLite": 0.0005}),
    ]

    assert table(columns).splitlines() == [
        "| µs of one | call: nginx | call: llmlb |",
        "|---|---:|---:|",
        "| nginx itself | 4.6 | 0.0 |",
        "| uvloop | 0.0 | 33.9 |",
        "| the kernel: sending | 13.8 | 34.0 |",
        "| **all** | **18.4** | **68.0** |",
    ]

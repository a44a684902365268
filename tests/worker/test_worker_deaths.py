"""Workers that die, hang or are left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
from llmlb_testing.processes import running_workers

from llmlb_core.errors import EngineFailed, ModelLoading, ShuttingDown
from llmlb_core.worker.snapshot import State


async def test_a_worker_killed_in_mid_stream_is_an_error_and_the_next_call_is_answered(bench):
    """The reader gets what was sent and then an error that names model and signal; the next answer comes within 3 s."""
    echo = bench.echo(delay_s=0.05)
    results = bench.open(echo, "many words " * 100)
    await anext(results)

    os.kill(bench.pid(echo), signal.SIGKILL)
    with pytest.raises(EngineFailed, match=r"'echo'.*SIGKILL"):
        _ = [result async for result in results]
    began_at = time.monotonic()
    text = await bench.answer(echo, "again")

    assert "again" == text
    assert time.monotonic() - began_at < 3
    assert 1 == echo.snapshot().crash_count


async def test_a_call_right_after_the_kill_is_answered_too(bench):
    """A worker that died before it took a call never ran any of it: another one does."""
    echo = bench.echo()
    await echo.ensure_ready(20)

    os.kill(bench.pid(echo), signal.SIGKILL)
    text = await bench.answer(echo, "at once")

    assert "at once" == text


async def test_a_worker_that_stands_still_before_a_call_does_not_lose_it(bench_of):
    """The hang is found, SIGTERM does not help, SIGKILL does, and the call is answered by the next worker."""
    bench = await bench_of(hang_timeout_s=1.0)
    echo = bench.echo()
    await echo.ensure_ready(20)
    pid = bench.pid(echo)
    os.kill(pid, signal.SIGSTOP)

    text = await asyncio.wait_for(bench.answer(echo, "patience"), 20)

    assert "patience" == text
    assert not psutil.pid_exists(pid)
    assert "no sign of life" in echo.snapshot().last_failure


async def test_a_crash_says_what_the_worker_said_last(bench):
    """Signal, last words and the trace of the native crash are in the reason."""
    echo = bench.echo(fault="crash_mid_answer", fault_after_tokens=1)

    with pytest.raises(EngineFailed, match="SIGABRT") as caught:
        await bench.answer(echo)

    assert "crashes in the middle of an answer" in caught.value.message
    assert "crashes in the middle of an answer" in echo.snapshot().output_tail
    assert "Fatal Python error" in echo.snapshot().output_tail


async def test_a_worker_that_crashes_again_and_again_is_left_alone_for_a_while(bench):
    """The first crash costs nothing, the second a second; meanwhile calls are told why, and when the next try is."""
    echo = bench.echo(fault="crash_mid_answer", fault_after_tokens=0)
    for _ in range(2):
        with pytest.raises(EngineFailed, match="SIGABRT"):
            await bench.answer(echo)
    await bench.until_state(echo, State.FAILED)

    with pytest.raises(EngineFailed, match="Next try in"):
        await bench.answer(echo)

    assert "Next try in" in echo.unroutable_reason
    assert echo.snapshot().next_try_at > time.time()
    await bench.until(lambda: echo.unroutable_reason is None)


async def test_an_answered_call_makes_a_worker_healthy_again(bench):
    """Kills that come between good answers never lead to a wait."""
    echo = bench.echo()

    for _ in range(4):
        assert "fine" == await bench.answer(echo, "fine")
        os.kill(bench.pid(echo), signal.SIGKILL)
        await bench.until(lambda: echo.state is not State.READY)

    assert "fine" == await bench.answer(echo, "fine")


async def test_a_worker_without_a_sign_of_life_is_ended(bench_of):
    """Code that holds the interpreter keeps a worker from answering pings; its call ends with the reason."""
    bench = await bench_of(hang_timeout_s=1.0)
    echo = bench.echo(fault="busy_gil", fault_after_tokens=1, fault_every=2)
    await bench.answer(echo)
    pid = bench.pid(echo)

    with pytest.raises(EngineFailed, match="no sign of life for 1 s"):
        await asyncio.wait_for(bench.answer(echo), 15)

    assert not psutil.pid_exists(pid)
    assert "hello big world" == await bench.answer(echo)


async def test_loading_that_keeps_the_interpreter_busy_is_no_hang(bench_of):
    """Some libraries let nothing else run until a model is loaded, however long that takes; the deadline of loading holds."""
    bench = await bench_of(hang_timeout_s=1.0)
    echo = bench.echo(fault="busy_load", load_delay_s=3.0)

    assert "loaded" == await bench.answer(echo, "loaded")


async def test_engine_code_that_is_busy_in_a_thread_is_no_hang(bench_of):
    """A worker whose engine sits in a call that lets the interpreter go shows signs of life."""
    bench = await bench_of(hang_timeout_s=1.0)
    echo = bench.echo(first_delay_s=2.5)

    assert "slow" == await bench.answer(echo, "slow")


def is_running(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits to be reaped does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


PARENT = """
import asyncio, sys
from pathlib import Path
from types import SimpleNamespace
from llmlb_core.domain.chat import ChatRequest, Message, TextPart
from llmlb_core.domain.models import Fit, LocalModel, ModelFacts
from llmlb_core.settings.sections import WorkerSettings
from llmlb_core.worker.supervisor import Supervisor
from llmlb_engine_echo.engine import EchoEngine

async def main():
    supervisor = Supervisor(WorkerSettings(), {}, Path(sys.argv[1]))
    await supervisor.start()
    model = LocalModel("echo", ModelFacts(""), options={"fault": sys.argv[2], "fault_after_tokens": 1, "delay_s": 0.01})
    instance = supervisor.instance(model, "engine_echo", EchoEngine, Fit(1.0, 1, ""))
    await instance.ensure_ready(20)
    call = SimpleNamespace(id="x", request=ChatRequest(messages=(Message("user", (TextPart("word " * 10000),)),)), deadline_at=1e12)
    print(instance.snapshot().pid, flush=True)
    async for result in instance.open(call, "echo"):
        print("token", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("fault", ["none", "hang", "busy_gil"])
def test_no_worker_survives_the_server_that_is_killed(tmp_path, fault):
    """Two seconds after SIGKILL of the server its worker is gone, whatever engine code does."""
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT))
    with subprocess.Popen([sys.executable, script, str(tmp_path), fault], stdout=subprocess.PIPE, text=True) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        assert "token" == parent.stdout.readline().strip()

        parent.kill()
        deadline_at = time.monotonic() + 2
        while is_running(worker) and time.monotonic() < deadline_at:
            time.sleep(0.01)

    assert not is_running(worker)


async def test_stopping_the_supervisor_leaves_no_process(bench_of):
    """Workers that load, that are idle and that ignore everything are all gone when ``stop`` returns."""
    bench = await bench_of()
    idle, loading = bench.echo("idle"), bench.echo("loading", load_delay_s=60)
    stuck = bench.echo("stuck", fault="ignore_cancel", delay_s=0.05)
    await idle.ensure_ready(20)
    with pytest.raises(ModelLoading):
        await loading.ensure_ready(0.3)
    results = bench.open(stuck, "word " * 1000)
    await anext(results)
    before = running_workers()

    await bench.supervisor.stop(0.5)

    assert 3 == len(before)
    assert [] == running_workers()
    with pytest.raises(ShuttingDown, match="unloaded while it answered"):
        _ = [result async for result in results]


async def test_a_worker_leads_its_own_session_and_dies_before_the_server(bench):
    """A Ctrl-C in the server's terminal does not reach it, and the system takes it first when memory runs out."""
    echo = bench.echo()
    await echo.ensure_ready(20)
    pid = bench.pid(echo)

    assert pid == os.getpgid(pid) == os.getsid(pid)
    if sys.platform == "linux":
        with open(f"/proc/{pid}/oom_score_adj") as file:  # noqa: ASYNC230, PTH123  # not a file on a disk
            assert 500 <= int(file.read())

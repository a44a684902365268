"""The life of an instance: started once, unloaded when idle, failed with a reason."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest
from llmlb_testing.processes import running_workers

from llmlb_core.errors import Conflict, EngineFailed, ModelLoading, ShuttingDown
from llmlb_core.worker.snapshot import State


async def test_many_callers_share_one_start(bench):
    """Twenty calls at once start one process."""
    echo = bench.echo(load_delay_s=0.3)

    texts = await asyncio.gather(*(bench.answer(echo, "hi") for _ in range(20)))

    assert ["hi"] * 20 == texts
    assert 1 == len(running_workers())


async def test_a_caller_that_gives_up_does_not_abort_the_start_of_others(bench):
    """Neither a deadline nor a cancel of one caller stops the loading."""
    echo = bench.echo(load_delay_s=1.0)
    patient = asyncio.create_task(bench.answer(echo, "still here"))
    cancelled = asyncio.create_task(echo.ensure_ready(20))

    with pytest.raises(ModelLoading):
        await echo.ensure_ready(0.1)
    cancelled.cancel()

    assert "still here" == await patient


async def test_a_call_of_a_model_that_loads_for_long_is_told_so_and_loading_goes_on(bench_of):
    """503 with a time to try again; the next call finds the model loaded."""
    bench = await bench_of(warmup_wait_s=0.1)
    echo = bench.echo(load_delay_s=1.0)

    with pytest.raises(ModelLoading, match="still loading") as caught:
        await bench.answer(echo)
    await bench.until_state(echo, State.READY)

    assert 503 == caught.value.status
    assert caught.value.retry_after_s > 0
    assert "hello big world" == await bench.answer(echo)


async def test_the_states_are_told_in_order(bench):
    """A listener sees every state that an instance goes through."""
    echo = bench.echo()
    states: list[State] = []
    bench.supervisor.on_change.append(lambda instance: states.append(instance.state))

    await bench.answer(echo)
    await echo.unload()

    assert [State.STARTING, State.READY, State.STOPPING, State.STOPPED] == list(dict.fromkeys(states))


async def test_a_listener_that_raises_hurts_nobody(bench, caplog):
    """The others are told all the same."""
    echo = bench.echo()
    heard: list[State] = []
    bench.supervisor.on_change.extend([lambda _: 1 // 0, lambda instance: heard.append(instance.state)])

    await echo.ensure_ready(20)

    assert State.READY in heard
    assert "a listener raised" in caplog.text


async def test_a_damaged_model_fails_with_its_reason_and_is_not_started_again_and_again(bench):
    """One process, one reason; calls meanwhile get it at once; a call after the wait tries again."""
    broken = bench.echo("broken", fault="load_error")
    fine = bench.echo("fine")

    with pytest.raises(EngineFailed, match="is damaged"):
        await bench.answer(broken)
    with pytest.raises(EngineFailed, match="Next try in") as caught:
        await bench.answer(broken)

    assert State.FAILED is broken.state
    assert caught.value.retry_after_s >= 1
    assert "is damaged" in broken.snapshot().reason
    assert 0 == len(running_workers())
    assert "hello big world" == await bench.answer(fine)
    await bench.until(lambda: broken.unroutable_reason is None)
    with pytest.raises(EngineFailed, match="is damaged"):
        await bench.answer(broken)


async def test_a_crash_while_loading_fails_with_the_signal(bench):
    """The engine's last words are part of the reason."""
    echo = bench.echo(fault="crash_at_load")

    with pytest.raises(EngineFailed, match=r"SIGABRT.*crashes while it loads"):
        await bench.answer(echo)

    assert State.FAILED is echo.state


async def test_loading_has_a_deadline(bench_of):
    """A load that takes too long is ended and says which setting it was."""
    bench = await bench_of(load_timeout_s=1.0)
    echo = bench.echo(load_delay_s=60)

    with pytest.raises(EngineFailed, match=r"workers\.load_timeout_s"):
        await bench.answer(echo)

    assert 0 == len(running_workers())


async def test_an_unknown_option_stops_before_a_process_starts(bench):
    """The path of the option is in the reason."""
    echo = bench.echo(fautl="none")

    with pytest.raises(EngineFailed, match=r"options.*fautl"):
        await bench.answer(echo)

    assert 0 == len(running_workers())


async def test_an_idle_model_is_unloaded_and_comes_back(bench_of):
    """After the idle time its process is gone; the next call loads it again."""
    bench = await bench_of(idle_unload_s=0.2)
    echo = bench.echo()
    await bench.answer(echo)

    await bench.until_state(echo, State.STOPPED)

    assert 0 == len(running_workers())
    assert "back" == await bench.answer(echo, "back")


async def test_a_model_in_use_is_never_idle(bench_of):
    """A running call and a held lease both keep it; zero means never."""
    bench = await bench_of(idle_unload_s=0.1)
    running, leased, never = (
        bench.echo("running", delay_s=0.2),
        bench.echo("leased"),
        bench.echo("never", model={"idle_unload_s": 0}),
    )
    idle = bench.echo("idle")
    leased.in_flight = 1
    await asyncio.gather(*(instance.ensure_ready(20) for instance in (leased, never, idle)))

    text = await bench.answer(running, "word " * 15)
    await bench.until_state(idle, State.STOPPED)

    assert text.startswith("word word")
    assert State.READY is leased.state
    assert State.READY is never.state


async def test_unloading_waits_for_the_calls_that_run(bench):
    """They are answered whole; a call that comes meanwhile waits and loads the model again."""
    echo = bench.echo(delay_s=0.05)
    await echo.ensure_ready(20)
    pid = bench.pid(echo)
    running = bench.open(echo, "word " * 10)
    words = [(await anext(running)).text]

    unloading = asyncio.create_task(echo.unload())
    await bench.until_state(echo, State.DRAINING)
    late = asyncio.create_task(bench.answer(echo, "late"))
    words += [result.text async for result in running]

    assert "word " * 10 == "".join(words)
    assert await unloading
    assert "late" == await late
    assert pid != bench.pid(echo)


async def test_unloading_gives_up_where_calls_go_on(bench):
    """After its deadline the model stays loaded."""
    echo = bench.echo(delay_s=0.05)
    running = bench.open(echo, "word " * 100)
    await anext(running)

    assert not await echo.unload(0.2)

    assert State.READY is echo.state
    await running.aclose()


async def test_a_stopping_server_takes_no_call(bench):
    """503, and not routable."""
    echo = bench.echo()
    await bench.supervisor.stop(1.0)

    with pytest.raises(ShuttingDown):
        await bench.answer(echo)

    assert echo.unroutable_reason


async def test_one_model_has_one_instance(bench):
    """Asked again it is the same; with other settings only once it is unloaded."""
    echo = bench.echo(reply="a")
    await echo.ensure_ready(20)

    assert echo is bench.echo(reply="a")
    with pytest.raises(Conflict, match="Unload it first"):
        bench.echo(reply="b")
    await echo.unload()
    assert "b" == await bench.answer(bench.echo(reply="b"))


async def test_a_removed_model_leaves_no_process(bench):
    """It is forgotten and takes no more calls."""
    echo = bench.echo()
    await echo.ensure_ready(20)

    await bench.supervisor.remove("echo")

    assert 0 == len(running_workers())
    assert bench.supervisor.get("echo") is None
    with pytest.raises(ShuttingDown):
        await bench.answer(echo)


async def test_preloaded_models_are_loaded_at_start(bench):
    """Nobody has to call them first."""
    echo = bench.echo(model={"preload": True})

    await bench.supervisor.start()
    await bench.until_state(echo, State.READY)

    assert 1 == len(running_workers())


async def test_a_snapshot_shows_what_runs(bench):
    """State, process, memory and times."""
    echo = bench.echo(context_tokens=100)
    began_at = time.time()
    await echo.ensure_ready(20)

    (shown,) = bench.supervisor.snapshots()

    assert ("local:echo", "echo", "echo", "engine_echo", State.READY) == (
        shown.id,
        shown.model,
        shown.engine,
        shown.plugin,
        shown.state,
    )
    assert psutil.pid_exists(shown.pid)
    assert shown.memory_bytes > 1024 * 1024
    assert 100 == shown.context_tokens
    assert began_at <= shown.loaded_at <= time.time()

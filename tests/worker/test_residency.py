"""Who may be in memory."""

from __future__ import annotations

import pytest
from attrs import define

from llmlb_core.errors import EngineFailed, ModelTooLarge, NoEndpoint
from llmlb_core.worker.residency import Residency
from llmlb_core.worker.snapshot import State

MIB = 1024 * 1024


@define(eq=False)
class Tenant:
    """A model that takes what it says."""

    name: str
    estimate_bytes: int
    last_used_at: float = 0.0
    measured_bytes: int | None = None
    is_idle: bool = True
    residency: Residency | None = None

    async def unload_idle(self) -> None:
        if self.is_idle and self.residency is not None:
            self.residency.leave(self)


async def test_the_least_recently_used_model_makes_room(bench_of):
    """Of two idle models the older one is unloaded."""
    bench = await bench_of(memory_limit_bytes=1024 * MIB, max_loaded_count=2)
    first, second, third = bench.echo("first"), bench.echo("second"), bench.echo("third")
    await bench.answer(first)
    await bench.answer(second)
    await bench.answer(first)

    assert "hi" == await bench.answer(third, "hi")

    assert (State.READY, State.STOPPED, State.READY) == (first.state, second.state, third.state)


async def test_a_model_in_use_is_never_unloaded_for_another(bench_of):
    """The newcomer is refused, told why, and served later; the running call is not touched."""
    bench = await bench_of(max_loaded_count=1)
    busy, other = bench.echo("busy", delay_s=0.02), bench.echo("other")
    running = bench.open(busy, "word " * 50)
    words = [(await anext(running)).text]

    with pytest.raises(NoEndpoint, match=r"no room.*1 of 1.*busy") as caught:
        await bench.answer(other)
    words += [result.text async for result in running]

    assert 503 == caught.value.status
    assert "word " * 50 == "".join(words)
    assert "now" == await bench.answer(other, "now")


async def test_a_held_lease_keeps_a_model_as_a_running_call_does(bench_of):
    """The call behind it is about to come."""
    bench = await bench_of(max_loaded_count=1)
    leased, other = bench.echo("leased"), bench.echo("other")
    await leased.ensure_ready(20)
    leased.in_flight = 1

    with pytest.raises(NoEndpoint):
        await bench.answer(other)

    assert State.READY is leased.state


async def test_measured_memory_decides_once_a_model_is_loaded(bench_of):
    """Its estimate was far too small; what it really takes makes an idle model leave."""
    bench = await bench_of(memory_limit_bytes=400 * MIB)
    small, large = (
        bench.echo("small", memory_bytes=MIB, allocate_bytes=200 * MIB),
        bench.echo("large", memory_bytes=MIB, allocate_bytes=250 * MIB),
    )
    await bench.answer(small)

    assert "hi" == await bench.answer(large, "hi")

    assert State.STOPPED is small.state
    assert 250 * MIB < bench.supervisor.memory_used_bytes < 400 * MIB


async def test_a_model_that_takes_more_than_the_limit_alone_is_refused(bench_of):
    """By its estimate before it starts, by measure after it loaded; both numbers are told."""
    bench = await bench_of(memory_limit_bytes=100 * MIB)
    honest, liar = bench.echo("honest", memory_bytes=200 * MIB), bench.echo("liar", memory_bytes=MIB, allocate_bytes=150 * MIB)

    with pytest.raises(EngineFailed, match=rf"needs about 200.0 MiB.*100.0 MiB.*{200 * MIB} and {100 * MIB}"):
        await bench.answer(honest)
    with pytest.raises(EngineFailed, match=r"takes 1\d\d.* MiB.*100.0 MiB"):
        await bench.answer(liar)

    assert 0 == bench.supervisor.memory_used_bytes


async def test_memory_that_grew_is_given_back_by_an_idle_model():
    """What no newcomer asked for is noticed all the same."""
    residency = Residency(100)
    old, new = Tenant("old", 30, 1.0, residency=residency), Tenant("new", 30, 2.0, residency=residency)
    await residency.admit(old)
    await residency.admit(new)

    new.measured_bytes = 90
    await residency.trim()

    assert 90 == residency.used_bytes


async def test_nobody_leaves_while_all_are_in_use():
    """Over the limit is better than a broken answer."""
    residency = Residency(100)
    one = Tenant("one", 30, residency=residency, is_idle=False)
    await residency.admit(one)

    one.measured_bytes = 150
    await residency.trim()

    assert 150 == residency.used_bytes


async def test_a_refused_model_takes_no_room():
    """Neither for ever nor for now."""
    residency = Residency(100)
    await residency.admit(Tenant("busy", 60, is_idle=False))

    with pytest.raises(NoEndpoint, match="50, 60 and 100 bytes"):
        await residency.admit(Tenant("other", 50))
    with pytest.raises(ModelTooLarge):
        await residency.admit(Tenant("huge", 101))

    assert 60 == residency.used_bytes

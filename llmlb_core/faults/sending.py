"""Sending one answer with its fault."""

from __future__ import annotations

import asyncio
import contextlib
import math
from http import HTTPStatus

from llmlb_core.faults.answers import plain_body, stream_events
from llmlb_core.faults.fault import AT_HEAD, Fault
from llmlb_core.faults.line import Line
from llmlb_core.faults.visit import Visit

DELIVERY_S = 2.0
"""A break in the middle waits for so long until somebody has seen content."""
LONGEST_S = 3600.0
"""For ever."""


class Broken(Exception):  # it says what happened; nobody outside sees it
    """The answer has broken as it should."""


def plain_head(status: int, content_type: str, body: bytes, *lines: str, delta: int = 0) -> bytes:
    """Return the head of an answer of known length."""
    told = [f"content-length: {max(0, len(body) + delta)}", f"content-type: {content_type}", *lines]
    reason = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "Any"
    return "\r\n".join([f"HTTP/1.1 {status} {reason}", *told, "", ""]).encode()


async def answer(line: Line, visit: Visit, delivered: asyncio.Event | None) -> None:
    """Answer *visit* with its fault; returns when it was answered, has broken, or the peer has left."""
    fault = visit.fault
    with contextlib.suppress(Broken):
        await _silence(line, fault.head_delay_s)
        if fault.break_how and fault.break_at == AT_HEAD and fault.break_byte is None:
            await _break(line, fault)
        if fault.instead is not None:
            await line.send(fault.instead)
            line.close()
        elif fault.status != 200 or fault.body is not None:
            await _refuse(line, fault)
        elif visit.asked.is_stream:
            await _stream(line, visit, delivered)
        else:
            await _plain(line, visit)


async def _refuse(line: Line, fault: Fault) -> None:
    body = (fault.body or "").encode()
    lines = [f"{name}: {value}" for name, value in fault.headers.items()]
    await line.send(plain_head(fault.status, fault.content_type, body, *lines), body)


async def _plain(line: Line, visit: Visit) -> None:
    fault = visit.fault
    body = plain_body(visit.asked, fault)
    if fault.insert:
        middle = len(body) // 2
        body = body[:middle] + (fault.insert if fault.is_raw else b'"}]') + body[middle:]
    await line.send(plain_head(200, "application/json", body, delta=fault.length_delta))
    await _silence(line, fault.first_delay_s)
    if fault.break_how:
        at = fault.break_byte if fault.break_byte is not None and fault.break_byte < len(body) else len(body) // 2
        await line.send(body[:at])
        # What is not the end of HTTP's message cannot be its end: of known length, an early end is a cut.
        await _break(line, fault, "cut" if fault.break_how == "end" else fault.break_how)
    await (line.send_slowly(body) if fault.is_slow else line.send(body))
    if fault.length_delta > 0:
        line.close()


async def _stream(line: Line, visit: Visit, delivered: asyncio.Event | None) -> None:
    fault = visit.fault
    events = stream_events(visit.asked, fault)
    lines = ("HTTP/1.1 200 OK", "content-type: text/event-stream", "cache-control: no-cache", "transfer-encoding: chunked", "", "")
    await line.send("\r\n".join(lines).encode())
    await _silence(line, fault.first_delay_s)
    sent = 0
    for number, event in enumerate(events):
        if number:
            await _silence(line, fault.between_s)
        is_broken = fault.break_how and fault.break_byte is None and fault.break_at == number
        is_odd = bool(fault.insert) and fault.insert_at == number
        if (is_broken or is_odd) and number > 1:
            await _delivered(delivered)
        if is_odd:
            await line.send(fault.insert if fault.is_raw else _chunk(fault.insert))
        if is_broken:
            await _break(line, fault)
        if fault.break_how and fault.break_byte is not None and sent + len(event) > fault.break_byte:
            await line.send(_chunk(event[: fault.break_byte - sent]))
            await _delivered(delivered)
            await _break(line, fault)
        chunk = _chunk(event) * (2 if fault.repeat_at == number else 1)
        await (line.send_slowly(chunk) if fault.is_slow else line.send(chunk))
        sent += len(event)
        visit.sent_events += 1
        if line.lost.is_set():
            return
    if fault.break_how:
        await _break(line, fault)
    if fault.lingers:
        await _silence(line, math.inf)
    await line.send(b"0\r\n\r\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


async def _delivered(delivered: asyncio.Event | None) -> None:
    """Wait until content has reached the client, for a while: what is lost with it would be another fault."""
    if delivered is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(delivered.wait(), DELIVERY_S)


async def _silence(line: Line, seconds: float) -> None:
    """Say nothing for *seconds*; ends it all where the peer leaves meanwhile."""
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(line.lost.wait(), min(seconds, LONGEST_S))
        raise Broken


async def _break(line: Line, fault: Fault, how: str = "") -> None:
    how = how or fault.break_how
    if how == "reset":
        line.reset()
    elif how == "cut":
        line.close()
    elif how == "end" and fault.break_at != AT_HEAD:
        await line.send(b"0\r\n\r\n")
    elif how == "stall":
        await _silence(line, math.inf)
    raise Broken

"""How errors cross from a worker to the server, and what a client may read of them."""

from __future__ import annotations

from traceback import format_exception

from attrs import evolve

from llmlb_core import errors
from llmlb_core.errors import CallError, EngineFailed, LLMLBError
from llmlb_core.worker.frames import Fault

MAX_TRACEBACK_CHARS = 6000

_KNOWN: dict[str, type[LLMLBError]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, LLMLBError)
}


def describe(error: LLMLBError) -> Fault:
    """Return *error* as a fault: its nearest class in the tree of ``errors``, and its facts."""
    name = next(cls.__name__ for cls in type(error).__mro__ if _KNOWN.get(cls.__name__) is cls)
    if not isinstance(error, CallError):
        return Fault(name, error.message)
    extras = error.extras or None
    return Fault(name, error.message, error.type, error.code, error.param, error.retry_after_s, extras, error.culprit)


def rebuild(fault: Fault) -> LLMLBError:
    """Return the error that *fault* describes; an unknown class becomes ``EngineFailed``."""
    cls = _KNOWN.get(fault.error, EngineFailed)
    if not issubclass(cls, CallError):
        return cls(fault.message)
    # Some classes make their message of other arguments; the message is made already.
    error = cls.__new__(cls)
    CallError.__init__(
        error, fault.message, param=fault.param, code=fault.code, retry_after_s=fault.retry_after_s, extras=fault.extras
    )
    if fault.type is not None:
        error.type = fault.type
    error.culprit = fault.culprit
    return error


def copy(error: CallError) -> CallError:
    """Return a fresh exception with the same facts, for each of many waiters: a traceback belongs to one raise."""
    twin = rebuild(describe(error))
    assert isinstance(twin, CallError)
    return twin


def foreign(error: BaseException, model: str, engine: str) -> EngineFailed:
    """Return what a client reads of an exception that engine code raised: its class, never its text."""
    failure = EngineFailed(
        f"Model {model!r} failed: its engine {engine!r} raised {type(error).__name__}. The server's log has the traceback."
    )
    failure.culprit = f"engine:{engine}"
    return failure


def raised(failure: EngineFailed, error: BaseException) -> Fault:
    """Return *failure*, which engine code caused by *error*, with the end of the traceback: that is where it raised."""
    return evolve(describe(failure), traceback="".join(format_exception(error))[-MAX_TRACEBACK_CHARS:])


def load_failure(error: BaseException, model: str, engine: str) -> EngineFailed:
    """Return what is kept of an exception that ``Engine.load`` raised. Whoever runs the server needs its text to mend it."""
    text = " ".join(str(error).split())[:300]
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return EngineFailed(f"Model {model!r} could not be loaded: its engine {engine!r} raised {said}.")

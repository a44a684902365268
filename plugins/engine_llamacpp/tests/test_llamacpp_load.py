from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from llmlb_engine_llamacpp import address as addresses
from llmlb_engine_llamacpp.address import Address
from llmlb_engine_llamacpp.engine import LlamaCppEngine
from llmlb_engine_llamacpp.options import LlamaCppOptions
from llmlb_engine_llamacpp.signals import kept_signal_handlers

from llmlb_core import Cancel, LocalModel, ModelFacts, Placement, Sampling, TextRequest
from llmlb_core.errors import EngineFailed, ModelFilesInvalid, ModelTooLarge

Write = Callable[..., Path]
SMALL_PLACEMENT = Placement(threads=1, context_tokens=256, parallel_count=1)


def _model(path: Path) -> LocalModel:
    return LocalModel("test", ModelFacts("gguf"), path.parent, path.name)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is gone fails the load with its name."""
    with pytest.raises(ModelFilesInvalid, match=r"gone\.gguf cannot be read"):
        LlamaCppEngine().load(_model(tmp_path / "gone.gguf"), SMALL_PLACEMENT, None)


def test_model_without_files_is_refused() -> None:
    """An entry without a file says what is needed."""
    with pytest.raises(ModelFilesInvalid, match="has no file"):
        LlamaCppEngine().load(LocalModel("test", ModelFacts("")), SMALL_PLACEMENT, None)


def test_architecture_that_llama_cpp_does_not_know_is_refused(
    write_gguf: Write, small_values: dict[str, object], capfd: pytest.CaptureFixture[str]
) -> None:
    """A good header of an unknown architecture fails in llama.cpp, whose reason is on stderr; the process goes on."""
    path = write_gguf({**small_values, "general.architecture": "nothing-yet"})

    with pytest.raises(ModelFilesInvalid, match=r"cannot load small\.gguf \(architecture nothing-yet"):
        LlamaCppEngine().load(_model(path), SMALL_PLACEMENT, None)

    assert "unknown model architecture" in capfd.readouterr().err


@pytest.mark.model
def test_cut_file_is_refused_before_it_is_loaded(starter_model: Path, tmp_path: Path) -> None:
    """Half a download says how long it is and how long it should be."""
    path = tmp_path / "half.gguf"
    with starter_model.open("rb") as whole:
        path.write_bytes(whole.read(40_000_000))

    with pytest.raises(ModelFilesInvalid, match="is cut: 40000000 bytes, expected at least 98362432"):
        LlamaCppEngine().load(_model(path), SMALL_PLACEMENT, None)


def test_context_beyond_the_memory_is_too_large(
    write_gguf: Write, small_values: dict[str, object], capfd: pytest.CaptureFixture[str]
) -> None:
    """A load that fails and needs more memory than there is says how much of each."""
    wide = {"llama.block_count": 200, "llama.attention.head_count_kv": 128, "llama.attention.key_length": 256}
    path = write_gguf({**small_values, **wide, "llama.context_length": 1 << 20})
    placement = Placement(threads=1, context_tokens=1 << 20, parallel_count=64)

    with pytest.raises(ModelTooLarge, match=r"needs about \d+ MiB for 64 sequences of 1048576 tokens, and \d+ MiB are free"):
        LlamaCppEngine().load(_model(path), placement, None)

    assert "failed to load model" in capfd.readouterr().err


@pytest.mark.model
async def test_unload_ends_running_calls_and_loads_again(starter_model: Path, local_model: Callable[[Path], LocalModel]) -> None:
    """An unloaded engine refuses calls, leaves no socket, and can load once more."""
    engine = LlamaCppEngine()
    engine.load(local_model(starter_model), SMALL_PLACEMENT, LlamaCppOptions())
    host = engine._loaded().address.host
    request = TextRequest(prompt="Count:", sampling=Sampling(max_tokens=200, logit_bias=((2, -100.0),)))
    deltas = engine.generate(request, Cancel())
    await anext(deltas)

    await asyncio.to_thread(engine.unload)

    with pytest.raises(EngineFailed, match="No model is loaded"):
        engine.count_tokens("a")
    assert not os.path.exists(host)  # noqa: ASYNC240, PTH110  # a moment
    with pytest.raises(EngineFailed, match="without saying why"):
        async for _ in deltas:
            pass
    engine.load(local_model(starter_model), SMALL_PLACEMENT, LlamaCppOptions())
    assert 1 == engine.count_tokens("a")
    engine.unload()


@pytest.mark.model
def test_model_facts_after_load(engine: LlamaCppEngine) -> None:
    """The engine says what it really loaded."""
    assert (512, 4) == (engine.context_tokens, engine.max_concurrency)
    assert "<|im_start|>" in (engine.chat_template() or "")


@pytest.mark.model
def test_loading_leaves_signals_alone(starter_model: Path) -> None:
    """SIGTERM and Ctrl+C end a process that has loaded a model as they would any other."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from llmlb_core import LocalModel, ModelFacts, Placement\n"
        "from llmlb_engine_llamacpp.engine import LlamaCppEngine\n"
        "path = Path(sys.argv[1])\n"
        "engine = LlamaCppEngine()\n"
        "model = LocalModel('t', ModelFacts('gguf'), path.parent, path.name)\n"
        "engine.load(model, Placement(context_tokens=256, parallel_count=1), None)\n"
        "print('loaded', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(starter_model)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()

        process.send_signal(signal.SIGTERM)

        assert ("loaded\n", -signal.SIGTERM) == (said, process.wait(10))


@pytest.mark.model
def test_only_this_process_can_reach_the_server(engine: LlamaCppEngine) -> None:
    """The address is a socket in a folder of this user, and whoever finds it still needs the key."""
    address = engine._loaded().address
    stranger = Address(address.host, key="guess")

    with pytest.raises(EngineFailed, match="401"):
        stranger.ask("/tokenize", {"content": "a"})

    assert address.is_socket
    assert 0o700 == Path(address.host).parent.stat().st_mode & 0o777
    assert address.key not in repr(engine._loaded())


def test_signal_handlers_return_after_a_library_took_them() -> None:
    """Handlers of Python and the default action are both put back."""
    before = signal.getsignal(signal.SIGINT)
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with kept_signal_handlers():
            signal.siginterrupt(signal.SIGINT, True)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert [signal.SIGINT] == seen


def test_sockets_of_killed_workers_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that nobody listens on goes with the next load; one in use and one just made stay."""
    monkeypatch.setattr(addresses, "_folder", lambda: tmp_path)
    old, used, fresh = (tmp_path / f"{name}.sock" for name in ("old", "used", "fresh"))
    with socket.socket(socket.AF_UNIX) as listening:
        for path in (old, fresh):
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(path))
        listening.bind(str(used))
        listening.listen()
        for path in (old, used):
            os.utime(path, (1, 1))

        Address.new()

    assert {used, fresh} == set(tmp_path.glob("*.sock"))


def test_folder_that_somebody_else_can_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name which is open to others is left alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    taken = tmp_path / f"llmlb-llamacpp-{os.getuid()}"
    taken.mkdir(mode=0o777)
    taken.chmod(0o777)

    host = Path(Address.new().host)

    assert taken != host.parent
    assert 0o700 == host.parent.stat().st_mode & 0o777


def test_importing_the_plugin_imports_no_library() -> None:
    """Listing plugins costs no engine: neither ``xllamacpp`` nor the engine itself is imported."""
    code = "import sys, llmlb_engine_llamacpp as p; print(sorted({'xllamacpp', 'llmlb_engine_llamacpp.engine'} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout

    assert "[]" == said.strip()


def test_plugin_contributes_its_engine_and_format() -> None:
    """The hooks return what architecture promises of them, still without the library."""
    code = (
        "import sys, llmlb_engine_llamacpp as p\n"
        "print([e.name for e in p.llmlb_engines()], [f.name for f in p.llmlb_models()], 'xllamacpp' in sys.modules)\n"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout

    assert "['llamacpp'] ['gguf'] False" == said.strip()

"""The store of scheme ``file``: what lies at a path is used in place, and what is wrong there is told."""

from __future__ import annotations

import os

import pytest
from llmlb_modelstore_file.store import FileStore

from llmlb_core.errors import ModelFilesInvalid, ModelUnknown


@pytest.fixture
def store():
    """The store."""
    return FileStore()


def gguf(path, content=b"GGUF\x03\x00\x00\x00"):
    """Write a file that begins as GGUF files do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def safetensors(directory, *names):
    """Write a directory with a config and weights of these names."""
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    (directory / "tokenizer.json").write_text("{}")
    (directory / "README.md").write_text("no model file")
    for name in names:
        (directory / name).write_bytes(b"12345678")
    return directory


async def test_a_gguf_file_is_used_where_it_lies(store, tmp_path):
    """Id from the name, size from the disk, no copy."""
    path = gguf(tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf")

    manifest = await store.resolve(str(path))

    assert ("smollm2-135m-instruct", "gguf", path.name, f"file:{path}") == (
        manifest.id,
        manifest.format,
        manifest.main,
        manifest.reference,
    )
    assert [(path.name, 8)] == [(file.name, file.size_bytes) for file in manifest.files]
    assert tmp_path == store.in_place(manifest)


async def test_relative_paths_begin_where_the_command_runs(store, tmp_path, monkeypatch):
    """The reference is absolute, so that the server's own directory does not matter."""
    gguf(tmp_path / "sub" / "a.gguf")
    monkeypatch.chdir(tmp_path / "sub")

    assert f"file:{tmp_path / 'sub' / 'a.gguf'}" == (await store.resolve("a.gguf")).reference
    assert f"file:{tmp_path / 'sub' / 'a.gguf'}" == (await store.resolve("../sub/a.gguf")).reference


async def test_home_and_file_urls_are_understood(store, tmp_path, monkeypatch):
    """``~/x.gguf`` and ``file:///…%20…``."""
    path = gguf(tmp_path / "my model.gguf")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert f"file:{path}" == (await store.resolve("~/my model.gguf")).reference
    assert f"file:{path}" == (await store.resolve("//" + str(path).replace(" ", "%20"))).reference
    with pytest.raises(ModelUnknown, match="on the machine 'server'"):
        await store.resolve("//server/model.gguf")


@pytest.mark.parametrize(
    ("weights", "main"),
    [
        (("model.safetensors",), "model.safetensors"),
        (("only.safetensors",), "only.safetensors"),
        (("a.safetensors", "b.safetensors", "model.safetensors.index.json"), "model.safetensors.index.json"),
    ],
)
async def test_a_directory_of_safetensors_is_a_model(store, tmp_path, weights, main):
    """Weights, config and tokenizer belong to it, other files do not."""
    directory = safetensors(tmp_path / "Qwen3-0.6B", *weights)

    manifest = await store.resolve(str(directory))

    assert ("qwen3-0.6b", "safetensors", main) == (manifest.id, manifest.format, manifest.main)
    assert sorted({"config.json", "tokenizer.json", *weights}) == [file.name for file in manifest.files]
    assert directory == store.in_place(manifest)


async def test_a_directory_with_one_gguf_is_that_model(store, tmp_path):
    """The reference stays the directory."""
    gguf(tmp_path / "m" / "Tiny.gguf")

    manifest = await store.resolve(str(tmp_path / "m"))

    assert ("tiny", "Tiny.gguf", tmp_path / "m") == (manifest.id, manifest.main, store.in_place(manifest))


async def test_all_parts_of_a_split_gguf_belong_together(store, tmp_path):
    """Whichever part is named, the first is what engines open."""
    for number in (1, 2, 3):
        gguf(tmp_path / f"big-Q8_0-0000{number}-of-00003.gguf")

    manifest = await store.resolve(str(tmp_path / "big-Q8_0-00002-of-00003.gguf"))

    assert ("big", "big-Q8_0-00001-of-00003.gguf", 3) == (manifest.id, manifest.main, len(manifest.files))
    assert manifest.files == (await store.resolve(str(tmp_path))).files


@pytest.mark.parametrize(
    ("make", "name", "told"),
    [
        (lambda d: gguf(d / "x.gguf", b"version https://git-lfs"), "x.gguf", "begins with b'vers', expected b'GGUF'"),
        (lambda d: gguf(d / "x.gguf", b""), "x.gguf", "begins with b''"),
        (lambda d: gguf(d / "x.bin"), "x.bin", "is no model file that is known"),
        (
            lambda d: safetensors(d / "s", "model.safetensors"),
            "s/model.safetensors",
            r"only the weights; give the directory .* file:.*/s$",
        ),
        (lambda d: safetensors(d / "s"), "s", "holds no model"),
        (
            lambda d: safetensors(d / "s", "a.safetensors", "b.safetensors"),
            "s",
            "2 safetensors files and no model.safetensors.index.json",
        ),
        (lambda d: gguf(d / "s" / "w.safetensors"), "s", "no config.json"),
        (lambda d: [gguf(d / "s" / "a.gguf"), gguf(d / "s" / "b.gguf")], "s", r"holds 2 models; name one: file:.*a\.gguf"),
        (lambda d: gguf(d / "p-00001-of-00002.gguf"), "p-00001-of-00002.gguf", "lacks p-00002-of-00002.gguf"),
        (lambda d: os.mkfifo(d / "pipe.gguf"), "pipe.gguf", "neither a file nor a directory"),
    ],
)
async def test_what_is_no_model_is_told(store, tmp_path, make, name, told):
    """What was seen, what was expected, and where there is one what to write instead."""
    make(tmp_path)

    with pytest.raises(ModelFilesInvalid, match=told):
        await store.resolve(str(tmp_path / name))


async def test_a_missing_path_shows_what_is_there(store, tmp_path):
    """A slip in the name is seen at once."""
    gguf(tmp_path / "right.gguf")

    with pytest.raises(ModelUnknown, match=r"wrong\.gguf does not exist; in .* are: right\.gguf"):
        await store.resolve(str(tmp_path / "wrong.gguf"))
    with pytest.raises(ModelUnknown, match="and neither does"):
        await store.resolve(str(tmp_path / "no" / "wrong.gguf"))
    with pytest.raises(ModelUnknown, match="NUL"):
        await store.resolve("a\0b")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
async def test_an_unreadable_file_is_told(store, tmp_path):
    """With the system's own reason."""
    path = gguf(tmp_path / "x.gguf")
    path.chmod(0)

    with pytest.raises(ModelFilesInvalid, match="cannot be read"):
        await store.resolve(str(path))


async def test_reading_begins_at_the_offset(store, tmp_path):
    """The contract's ``read`` works, although llmlb uses the files in place."""
    path = gguf(tmp_path / "x.gguf", b"GGUF" + b"abc" * 1000)
    manifest = await store.resolve(str(path))

    pieces = [piece async for piece in store.read(manifest, manifest.files[0], 4)]

    assert b"abc" * 1000 == b"".join(pieces)


@pytest.mark.parametrize(
    ("files", "name", "expected"),
    [
        (
            {"model_index.json": "{}", "unet/config.json": "{}", "unet/w.safetensors": "x", "unet/w.bin": "x"},
            "Draws",
            ("draws", "diffusers", "model_index.json", ["model_index.json", "unet/config.json", "unet/w.safetensors"]),
        ),
        (
            {"model.bin": "x", "config.json": "{}", "vocabulary.txt": "a", "README.md": "x"},
            "Hears",
            ("hears", "ctranslate2", "model.bin", ["config.json", "model.bin", "vocabulary.txt"]),
        ),
        (
            {"model.onnx": "x", "tokenizer.json": "{}", "weights.bin": "x"},
            "Embeds",
            ("embeds", "onnx", "model.onnx", ["model.onnx", "tokenizer.json"]),
        ),
        (
            {"Voice-1.onnx": "x", "voice.json": "{}"},
            "some/Voice-1.onnx",
            ("voice-1", "onnx", "Voice-1.onnx", ["Voice-1.onnx", "voice.json"]),
        ),
    ],
)
async def test_a_folder_is_told_by_its_marks(store, tmp_path, files, name, expected):
    """Pipelines with their parts, models for speech, encoders with their vocabulary; other formats of the weights stay out."""
    folder = tmp_path / name if not name.endswith(".onnx") else (tmp_path / name).parent
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)

    manifest = await store.resolve(str(tmp_path / name))

    assert expected == (manifest.id, manifest.format, manifest.main, sorted(file.name for file in manifest.files))
    assert folder == store.in_place(manifest)


async def test_a_pipeline_of_pickles_is_refused(store, tmp_path):
    """Weights that run code when they are read are no model here."""
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet.bin").write_text("x")

    with pytest.raises(ModelFilesInvalid, match=r"without \.safetensors files; pickled weights are not read"):
        await store.resolve(str(tmp_path))


async def test_several_onnx_models_in_a_folder_are_named(store, tmp_path):
    """Which one is meant, the user says."""
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_text("x")

    with pytest.raises(ModelFilesInvalid, match=r"holds 2 ONNX models; name one: file:.*a\.onnx"):
        await store.resolve(str(tmp_path))

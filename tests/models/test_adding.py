"""Adding models: once, under a safe name, and only what is right."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap

import pytest
from attrs import evolve

from llmlb_core.errors import DownloadFailed, ModelFilesInvalid, ModelUnknown
from llmlb_core.models.adding import Adding, Wish
from llmlb_core.models.lock import hold


async def test_a_model_is_installed_under_its_id(adding, store, toys, installed):
    """Files and manifest lie in the model's directory, and the store may forget it."""
    added = await adding.add(Wish(reference="toys:toy"))

    assert "added" == added.outcome
    assert toys.weights == (installed.root / "toy" / "toy.bin").read_bytes()
    assert added.installation == installed.find("toy")
    assert ["toy"] == store.released


async def test_adding_again_fetches_nothing(adding, store):
    """What is there and whole is left alone."""
    await adding.add(Wish(reference="toys:toy"))

    again = await adding.add(Wish(reference="toys:toy"))

    assert "present" == again.outcome
    assert [0] == store.offsets


async def test_adding_again_mends_a_damaged_file(adding, store, toys, installed):
    """A file with a wrong hash is fetched again, and it is said."""
    await adding.add(Wish(reference="toys:toy"))
    path = installed.root / "toy" / "toy.bin"
    path.write_bytes(b"?" * len(toys.weights))
    told = []

    again = await evolve(adding, say=told.append).add(Wish(reference="toys:toy"))

    assert "added" == again.outcome
    assert toys.weights == path.read_bytes()
    assert "mending it" in told[0]


async def test_adding_again_mends_a_damaged_manifest(adding, installed):
    """The command that a damaged manifest asks for works."""
    await adding.add(Wish(reference="toys:toy"))
    (installed.root / "toy" / "manifest.json").write_text("{")

    again = await adding.add(Wish(reference="toys:toy"))

    assert again.installation == installed.find("toy")


async def test_name_and_aliases_are_the_users(adding, installed):
    """``--name`` and ``--alias`` beat and add to what the store says."""
    added = await adding.add(Wish(reference="toys:toy", name="Mine/Own", aliases=("GPT-Mini",)))

    assert ("mine/own", ("gpt-mini",)) == (added.installation.manifest.id, added.installation.manifest.aliases)
    assert (installed.root / "mine" / "own" / "toy.bin").exists()


async def test_a_new_alias_of_a_present_model_is_kept(adding, installed, store):
    """Aliases are added without fetching anything."""
    await adding.add(Wish(reference="toys:toy", aliases=("one",)))

    again = await adding.add(Wish(reference="toys:toy", aliases=("two",)))

    assert "renamed" == again.outcome
    assert ("one", "two") == installed.find("toy").manifest.aliases
    assert [0] == store.offsets


@pytest.mark.parametrize("name", ["../evil", "a\0b", "/etc", "a/../../b", ".locks/x"])
async def test_an_unsafe_name_is_refused_and_nothing_is_written(adding, installed, name):
    """The id is a path; one that is not safe is refused before anything happens."""
    with pytest.raises(ModelFilesInvalid, match="cannot be a model id"):
        await adding.add(Wish(reference="toys:toy", name=name))

    assert not installed.root.exists()


@pytest.mark.parametrize("bad", ["../../evil.bin", "a\0b.bin", "/abs.bin", "C:\\evil.bin"])
async def test_an_unsafe_file_name_of_a_store_is_refused(adding, store, toys, installed, bad):
    """A store's manifest is checked like any input."""
    store.manifest = toys.manifest(files=(toys.file_of(bad),), main=bad)

    with pytest.raises(ModelFilesInvalid, match="is refused"):
        await adding.add(Wish(reference="toys:toy"))

    assert [] == list(installed.manifests())


async def test_a_wrong_hash_installs_no_model(adding, store, toys, installed):
    """No manifest, no file."""
    store.content = b"!" * len(toys.weights)

    with pytest.raises(DownloadFailed, match="sha256"):
        await adding.add(Wish(reference="toys:toy"))

    assert [] == list(installed.manifests())
    assert [] == store.released


async def test_an_id_is_not_taken_from_another_model(adding, store, toys):
    """Two models want one id: the second is told how to get another."""
    await adding.add(Wish(reference="toys:toy"))
    store.content = b"TOY!other"
    store.manifest = toys.manifest(reference="toys:other", files=(toys.file_of("toy.bin", store.content),))

    with pytest.raises(ModelFilesInvalid, match=r"taken by another model, from toys:toy; give another with --name"):
        await adding.add(Wish(reference="toys:other"))


async def test_no_model_lies_inside_another_ones_directory(adding, store, toys):
    """``org`` and ``org/repo`` cannot both be models: removing one would touch the other."""
    await adding.add(Wish(reference="toys:toy", name="org"))

    with pytest.raises(ModelFilesInvalid, match="cannot be installed beside org"):
        await adding.add(Wish(reference="toys:toy", name="org/repo"))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("hub:x/y", r"no installed plugin fetches 'hub:' references; known are: toys:; pip install llmlb-modelstore-hub"),
        ("beginner", r"'beginner' is neither a bundle \(starter\) nor a reference"),
        ("toys:", "names no model"),
    ],
)
async def test_an_unknown_reference_says_what_is_known(adding, word, told):
    """Schemes and bundles are listed."""
    with pytest.raises(ModelUnknown, match=told):
        await adding.add(Wish(reference=word))


def test_a_bundle_is_what_all_stores_list_under_its_name(adding, toys):
    """``starter`` is not known to the core."""
    both = evolve(adding, stores={"toys": toys.Store(), "more": toys.Store()})

    assert ("toys:toy",) == both.references("starter")


async def test_a_defect_of_a_store_is_a_failed_download(adding, toys, installed):
    """What a store raises by mistake names the store's reference, not a traceback."""

    class Defect(toys.Store):
        async def resolve(self, reference, report=None):
            raise ZeroDivisionError("oops")

    with pytest.raises(DownloadFailed, match="toys:toy could not be looked up: the store raised ZeroDivisionError: oops"):
        await Adding(installed=installed, stores={"toys": Defect()}).add(Wish(reference="toys:toy"))


async def test_a_model_in_place_is_not_copied_and_survives_removal(adding, store, toys, installed, tmp_path):
    """Only the manifest is ours."""
    store.place = tmp_path / "elsewhere"
    store.place.mkdir()
    (store.place / "toy.bin").write_bytes(toys.weights)

    added = await adding.add(Wish(reference="toys:toy"))
    removed = installed.remove("toy")

    assert str(store.place) == added.installation.in_place
    assert [] == store.offsets
    assert (store.place,) == removed.kept
    assert (store.place / "toy.bin").exists()
    assert not (installed.root / "toy").exists()


async def test_removal_deletes_only_what_was_downloaded(adding, installed):
    """A file that the operator put beside the model stays and is named."""
    await adding.add(Wish(reference="toys:toy", name="org/toy"))
    note = installed.root / "org" / "toy" / "notes.txt"
    note.write_text("mine")

    removed = installed.remove("org/toy")

    assert (note,) == removed.kept
    assert [note] == [path for path in installed.root.rglob("*") if path.is_file() and ".locks" not in path.parts]
    with pytest.raises(ModelUnknown, match="is not installed"):
        installed.remove("org/toy")


async def test_two_tasks_at_once_fetch_once(adding, store):
    """The second waits for the first and finds the model."""
    first, second = await asyncio.gather(adding.add(Wish(reference="toys:toy")), adding.add(Wish(reference="toys:toy")))

    assert ["added", "present"] == sorted([first.outcome, second.outcome])
    assert [0] == store.offsets


HOLDER = """
import asyncio, sys
from pathlib import Path
from llmlb_core.models.lock import hold

async def main():
    async with hold(Path(sys.argv[1]), wait_s=0, purpose="is testing"):
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


async def test_another_process_is_waited_for_and_named(adding, installed):
    """The wait ends in an error that says which process it is."""
    path = installed.lock_path("toys:toy")
    with subprocess.Popen(  # noqa: ASYNC220  # it blocks for a line only
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert "held\n" == other.stdout.readline()

        with pytest.raises(DownloadFailed, match=f"process {other.pid} is adding toys:toy"):
            async with hold(path, wait_s=0.05, purpose="is adding toys:toy"):
                pass

        other.kill()
        other.wait()
        added = await adding.add(Wish(reference="toys:toy"))

    assert "added" == added.outcome  # a lock of a dead process is no lock


async def test_a_lock_file_that_a_dead_process_left_is_no_lock(adding, installed):
    """Only an open lock counts, whatever number the file holds."""
    path = installed.lock_path("toys:toy")
    path.parent.mkdir(parents=True)
    path.write_text(f"{os.getpid()}\n")

    added = await adding.add(Wish(reference="toys:toy"))

    assert "added" == added.outcome

"""What every engine keeps, whatever it generates."""

from __future__ import annotations

import inspect
import re
from typing import ClassVar, get_args

import attrs

from llmlb_core import Device, Engine, Feature, Fit, ModelFacts, Unfit
from llmlb_testing.imports import HEAVY_MODULES, heavy_imports
from llmlb_testing.io_guard import no_io

GIB = 1 << 30
CPU = Device("cpu", "cpu", "a processor", 8 * GIB)
GPU = Device("cuda:0", "cuda", "an accelerator", 24 * GIB)


class EngineContract:
    """Rules of ``llmlb_core.Engine``; use ``TextEngineContract`` or ``EmbeddingEngineContract``, which have them all.

    Needs a fixture ``engine``: an engine with a model loaded, usually ``with loaded(MyEngine) as engine: yield engine``.

    Attributes:
        facts: What the header of a model that it runs says; only the format where None.
        heavy_modules: Libraries that importing the engine's module must not load.
    """

    facts: ClassVar[ModelFacts | None] = None
    heavy_modules: ClassVar[frozenset[str]] = HEAVY_MODULES

    def test_its_name_can_stand_in_settings(self, engine: Engine) -> None:
        """Settings choose an engine by name: lower case, of letters, digits, ``_``, ``-`` and ``.``."""
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.\-]*", engine.name), f"name is {engine.name!r}"

    def test_it_claims_known_features_only(self, engine: Engine) -> None:
        """The core answers 400 for what is not in ``supports``; a word that it does not know is a slip of the pen."""
        unknown = set(engine.supports) - set(get_args(Feature))

        assert not unknown, f"supports has {sorted(unknown)}; there are {sorted(get_args(Feature))}"

    def test_its_formats_are_a_tuple_of_words(self, engine: Engine) -> None:
        """``formats = ("gguf")`` is a string, and matches ``g``."""
        assert isinstance(engine.formats, tuple)
        assert all(isinstance(word, str) and word == word.lower().strip() and word for word in engine.formats)

    def test_its_options_are_an_attrs_class(self, engine: Engine) -> None:
        """``[models."x".options]`` is structured into it in the server, before a worker starts."""
        assert engine.options_class is None or attrs.has(engine.options_class)

    def test_fit_answers_for_every_model(self, engine: Engine) -> None:
        """``fit`` says Fit or Unfit with the reason and never raises: one engine must not hide the others."""
        known = self.facts or ModelFacts(format=(engine.formats or ("",))[0])
        strange = ModelFacts(format="unheard-of", architecture="unheard-of")

        for facts in (known, attrs.evolve(known, architecture="unheard-of"), strange):
            for devices in ((), (CPU,), (CPU, GPU)):
                answer = type(engine).fit(facts, devices)
                assert isinstance(answer, Fit | Unfit)
                assert answer.reason.strip(), "`llmlb models show` prints the reason; there is none"
                if isinstance(answer, Fit):
                    assert 0 <= answer.score_0_1 <= 1, f"score_0_1 is {answer.score_0_1}"
                    assert answer.memory_bytes >= 0

    def test_fit_waits_for_nothing(self, engine: Engine) -> None:
        """``fit`` runs in the server, on the event loop: no I/O."""
        facts = self.facts or ModelFacts(format=(engine.formats or ("",))[0])
        type(engine).fit(facts, (CPU,))

        with no_io("fit"):
            type(engine).fit(facts, (CPU,))

    def test_importing_it_is_cheap(self, engine: Engine) -> None:
        """The server imports the module to ask ``fit``; the heavy library is imported in ``load``, in the worker."""
        found = heavy_imports(type(engine).__module__, self.heavy_modules)

        assert not found, f"importing {type(engine).__module__} imports {', '.join(found)}; import them in load"

    def test_it_takes_a_call_at_a_time_or_more(self, engine: Engine) -> None:
        """``max_concurrency`` is the number of calls that the router sends here at a time."""
        assert isinstance(engine.max_concurrency, int)
        assert engine.max_concurrency >= 1

    def test_its_context_is_a_number_or_none(self, engine: Engine) -> None:
        """Once loaded it knows how long one sequence may be; None is no limit."""
        assert engine.context_tokens is None or engine.context_tokens > 0

    def test_its_methods_are_called_without_await(self, engine: Engine) -> None:
        """``fit``, ``load`` and ``unload`` are called in threads; a coroutine would never run."""
        for method in (engine.fit, engine.load, engine.unload):
            assert not inspect.iscoroutinefunction(method), f"{method.__name__} is 'async def'; write 'def'"

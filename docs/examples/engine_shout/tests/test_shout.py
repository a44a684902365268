"""The engine ``shout`` and its plugin keep the contracts, and it answers in capitals."""

import pytest
from llmlb_core import Sampling, TextRequest
from llmlb_engine_shout import Shout
from llmlb_testing.contracts import PluginContract, TextEngineContract
from llmlb_testing.engines import generated, loaded


@pytest.fixture
def engine():
    with loaded(Shout) as engine:
        yield engine


class TestShout(TextEngineContract):
    """Every rule of text engines, with the fixture ``engine``."""


class TestShoutPlugin(PluginContract):
    """Every rule of plugins, with the installed package."""

    @pytest.fixture
    def plugin_name(self):
        return "engine_shout"


@pytest.mark.asyncio
async def test_it_answers_in_capitals(engine):
    deltas = await generated(engine, TextRequest(prompt="how are you", sampling=Sampling(max_tokens=9)))

    assert "".join(delta.text for delta in deltas) == "HOW ARE YOU "

"""Contract kits: test classes that hold a plugin to the contracts of ``llmlb_core``.

Subclass one under a name that begins with ``Test`` and give it the fixture it asks for::

    class TestShout(TextEngineContract):
        @pytest.fixture
        def engine(self):
            with loaded(Shout) as engine:
                yield engine

Each test of a kit says its rule, and why, in its docstring.
"""

from __future__ import annotations

from llmlb_testing.contracts.admission import AdmissionPolicyContract
from llmlb_testing.contracts.authenticator import AuthenticatorContract
from llmlb_testing.contracts.authorizer import AuthorizerContract
from llmlb_testing.contracts.body_sink import BodySinkContract
from llmlb_testing.contracts.dialect import DialectContract
from llmlb_testing.contracts.embedding_engine import EmbeddingEngineContract
from llmlb_testing.contracts.endpoint_kind import EndpointKindContract
from llmlb_testing.contracts.filter import FilterContract
from llmlb_testing.contracts.image_engine import ImageEngineContract
from llmlb_testing.contracts.modelformat import ModelFormatContract
from llmlb_testing.contracts.modelstore import ModelStoreContract
from llmlb_testing.contracts.picker import PickerContract
from llmlb_testing.contracts.plugin import PluginContract
from llmlb_testing.contracts.rerank_engine import RerankEngineContract
from llmlb_testing.contracts.router import RouterContract
from llmlb_testing.contracts.scorer import ScorerContract
from llmlb_testing.contracts.server_dialect import ServerDialectContract
from llmlb_testing.contracts.text_engine import TextEngineContract

__all__ = [
    "AdmissionPolicyContract",
    "AuthenticatorContract",
    "AuthorizerContract",
    "BodySinkContract",
    "DialectContract",
    "EmbeddingEngineContract",
    "EndpointKindContract",
    "FilterContract",
    "ImageEngineContract",
    "ModelFormatContract",
    "ModelStoreContract",
    "PickerContract",
    "PluginContract",
    "RerankEngineContract",
    "RouterContract",
    "ScorerContract",
    "ServerDialectContract",
    "TextEngineContract",
]

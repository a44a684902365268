"""Stage 7: lease → answer. Tries until the first content is there; from then on the answer is committed to one endpoint."""

from llmlb_core.stages.dispatch.answer import Answer, RelayedAnswer, ResultsAnswer
from llmlb_core.stages.dispatch.dispatch import Dispatch
from llmlb_core.stages.dispatch.resume import Resume

__all__ = ["Answer", "Dispatch", "RelayedAnswer", "ResultsAnswer", "Resume"]

"""Stage 6: targets → lease, at once or after a wait in the fair queue.

One stage on purpose: giving a lease back runs the choice for the next waiter and hands it the lease in the same step, so nobody
slips in between. A *line* holds the calls that wait for one set of endpoints; a *door* is an endpoint as lines see it.
"""

from llmlb_core.stages.acquire.lease import Lease, Waiting
from llmlb_core.stages.acquire.pressure import Pressure, load_ratio
from llmlb_core.stages.acquire.stage import Acquire
from llmlb_core.stages.acquire.stats import AcquireStats, QueueStats

__all__ = ["Acquire", "AcquireStats", "Lease", "Pressure", "QueueStats", "Waiting", "load_ratio"]

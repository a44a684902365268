"""The plain routers: `round_robin` and `least_in_flight`."""

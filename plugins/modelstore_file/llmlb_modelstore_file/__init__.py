"""Uses model files that lie on this machine (`file:`)."""

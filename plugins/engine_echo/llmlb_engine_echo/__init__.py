"""A published fake engine: scripted, slow and faulty answers for tests and demonstrations."""

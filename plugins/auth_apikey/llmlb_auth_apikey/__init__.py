"""API keys: kept as hashes in the database, checked in memory."""

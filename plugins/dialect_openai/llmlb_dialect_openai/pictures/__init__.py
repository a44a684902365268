"""Pictures that answers name by URL: kept for a while, served to whoever has the signed URL."""

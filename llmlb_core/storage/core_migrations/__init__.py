"""Migrations of the core's tables, applied at start; made with Tortoise's own operations."""

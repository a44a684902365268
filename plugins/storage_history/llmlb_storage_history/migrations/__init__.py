"""Migrations of the history's table, applied at start; made with Tortoise's own operations."""

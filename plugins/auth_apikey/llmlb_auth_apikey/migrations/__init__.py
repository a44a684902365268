"""Migrations of the keys' tables, applied at start; made with Tortoise's own operations."""

"""Canonical requests, written for the Gemini API."""

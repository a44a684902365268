"""Answers of the Gemini API, read into results."""

"""Answers, written: one file per form, made for each call.

Streams are prefixes built once and a few bytes a delta; plain answers collect and write once.
"""

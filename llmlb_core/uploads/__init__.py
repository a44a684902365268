"""Uploads: forms read while they arrive. What is small stays in memory, what is large lies in a file as long as its call.

``boundary`` reads content types, ``parts`` takes the bytes of a form apart, ``spool`` keeps files, ``reader`` does it for a call.
"""

"""The tables. Tortoise makes and migrates them; rows are written and read by plain SQL, which is ten times as fast."""

from __future__ import annotations

from llmlb_core.storage.rows import Model, fields


class RequestRow(Model):
    """One call. ``started_at`` is in milliseconds since 1970: equal in both databases, and what pages are cut by.

    ``attempts`` is how many there were. ``failed_attempts`` is JSON, absent where the first one went well, and has those that
    failed; ``last_attempt`` is JSON of what the row does not tell of the last one, absent where there is no such thing.
    """

    id = fields.CharField(max_length=64, primary_key=True)
    started_at = fields.BigIntField()
    duration_ms = fields.FloatField()
    first_token_ms = fields.FloatField(null=True)
    queue_ms = fields.FloatField()
    principal = fields.TextField()
    operation = fields.TextField()
    model = fields.TextField()
    endpoint = fields.TextField()
    stream = fields.BooleanField()
    status = fields.IntField()
    ending = fields.TextField()
    error_code = fields.TextField(null=True)
    prompt_tokens = fields.BigIntField(null=True)
    completion_tokens = fields.BigIntField(null=True)
    cached_tokens = fields.BigIntField(null=True)
    attempts = fields.IntField()
    bytes_in = fields.BigIntField()
    bytes_out = fields.BigIntField()
    client_address = fields.TextField()
    choice_reason = fields.TextField(null=True)
    failed_attempts = fields.TextField(null=True)
    last_attempt = fields.TextField(null=True)
    is_usage_counted = fields.BooleanField(null=True)
    is_usage_partial = fields.BooleanField(null=True)

    class Meta:
        """Of Tortoise."""

        table = "storage_history_requests"


class BodyRow(Model):
    """What one call said, as documents in JSON; ``id`` is the call's, and ``started_at`` as above.

    Not in the row of the call: pages of calls would be read past megabytes of text.
    """

    id = fields.CharField(max_length=64, primary_key=True)
    started_at = fields.BigIntField()
    size_bytes = fields.BigIntField()
    policy = fields.TextField()
    is_request_cut = fields.BooleanField()
    is_answer_cut = fields.BooleanField()
    request_body = fields.TextField()
    answer_body = fields.TextField()

    class Meta:
        """Of Tortoise."""

        table = "storage_history_bodies"

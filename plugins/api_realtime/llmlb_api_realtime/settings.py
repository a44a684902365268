"""``[plugins.api_realtime]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class RealtimeSettings:
    """What live sessions may cost."""

    model: str = setting("", "Who writes down what is said in sessions that name no model; absent = each must name one.")
    max_sessions: int = setting(64, "Sessions at a time; one more is refused with 503.", minimum=1)
    max_session_s: float = setting(3600.0, "How long a session lasts at most.", minimum=0.1)
    idle_timeout_s: float = setting(120.0, "A session whose client sends nothing for so long is closed.", minimum=0.1)
    max_event_bytes: int = setting(
        1024 * 1024, "The largest event or frame of a client: 16 s of sound in base64.", minimum=1024, maximum=15 * 1024 * 1024
    )
    max_sound_s: float = setting(
        120.0, "Sound that a session holds at a time, in the buffer and waiting to be written down.", minimum=1, maximum=1500
    )
    max_utterance_s: float = setting(
        60.0, "Where turns are detected, an utterance that goes on for so long is cut there.", minimum=1, maximum=1500
    )
    max_waiting: int = setting(16, "Utterances of a session that wait to be written down.", minimum=1)
    transcription_timeout_s: float = setting(60.0, "How long one utterance may take to be written down.", minimum=0.1)

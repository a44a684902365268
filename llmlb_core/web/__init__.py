"""The web plane: one ASGI application that serves everything, inference included.

``create_app()`` returns a Quart app; inference calls leave it before Quart's routing and walk the pipeline.
"""

"""The observer once more, from OBSERVER alone and in plain Python: what the supervisor's own is held against.

A case is what engines, systemd and addresses answer in several looks; the oracle says what the world's files hold.
"""

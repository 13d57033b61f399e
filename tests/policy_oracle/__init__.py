"""`decide` once more, from ACTIONS alone and in plain Python: what the supervisor's own is held against.

Nothing of it is shared with the supervisor; what the world shows is judged by the plain script of the first half.
"""

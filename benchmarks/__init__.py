"""Fleets of any size, and the peers that are measured beside the supervisor."""

"""Readers of the inventory and of the world: files in, validated frames and rejected records out."""

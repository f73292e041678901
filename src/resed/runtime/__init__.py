"""Locks, processes, progress and checksums."""

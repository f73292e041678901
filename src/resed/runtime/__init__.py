"""Locks, processes, progress, files and checksums."""

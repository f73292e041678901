"""Fetching: bytes over an unreliable network, archives by strangers, a state a clip."""

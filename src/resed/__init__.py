"""resed: reproducible weakly supervised sound event detection, from raw audio to the last figure."""

__version__ = "0.1.0"

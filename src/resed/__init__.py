"""resed: reproducible weakly supervised sound event detection, from audio to the last figure."""

__version__ = "0.1.0"

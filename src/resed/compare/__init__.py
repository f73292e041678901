"""Detectors of anybody beside each other: scores with intervals, and paired differences."""

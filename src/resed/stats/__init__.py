"""Intervals, paired differences and multiple testing."""

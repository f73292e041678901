"""Median-filter windows and frame thresholds."""

"""Composites: class by class the posteriors of the system that is best on development."""

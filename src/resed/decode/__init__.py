"""From posteriors to events and tags."""

"""Download files, read archives, and record the state of each clip."""

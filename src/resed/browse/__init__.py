"""The clip browser: a page to listen to clips and see what became of each event."""

"""One module per file format: reader, writer and validation."""

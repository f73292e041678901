"""What a finished run holds."""

"""Log-mel features and their stores."""

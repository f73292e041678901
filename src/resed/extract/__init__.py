"""Log-mel features, and their extraction into feature stores."""

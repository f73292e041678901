"""The roles of all datasets of the repository but those with clips out of domain."""

ROLES = ("weak", "unlabeled", "strong", "development", "evaluation")

"""Datasets of recordings: fetch missing clips and check existing ones."""

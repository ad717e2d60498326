"""Scoring: the networks that criteria compute with."""

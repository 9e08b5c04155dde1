"""Edits turned into evidence: effects, matched controls, intervals, tests and verdicts."""

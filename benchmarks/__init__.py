"""Benchmarks: `python -m benchmarks.NAME`. No time without equal outputs in the same run."""

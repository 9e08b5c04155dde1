"""Intervals, tests, corrections and seeds: arithmetic on samples, which knows nothing of models.

In: numbers, the unit always the example. Out: `Estimate`s, p-values, q-values, random generators.
"""

"""Where a model looks: attention on the tokens that a right chain of thought needs, per head, against nulls.

In: a model and a task. Out: scores of gold tokens, mass by part of speech and by span. Nothing of size T x T is kept.
"""

"""What each head, attention edge and path is worth by its first order, and what it is worth exactly.

In: a model, a task, `AttributionSettings`. Out: `AttributionResult`: scores of everything from one backward pass, exact
effects of some, and how far the two agree. A score is a guess until it is confirmed.
"""

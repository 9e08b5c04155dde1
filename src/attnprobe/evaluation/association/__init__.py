"""Is attention on the right keys higher where the model's own answer is right? The first of the four tests.

In: scores of gold tokens, and answers to the same examples. Out: `AssociationResult`.
As data flows: settings -> outcomes (answers, graded) -> contrasts (AUROC by head, pooled and within strata) -> verdict
-> associate.
"""

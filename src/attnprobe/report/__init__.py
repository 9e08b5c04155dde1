"""What people and programs read: summary, table, figures, page.

In: a `PatchResult`. Out: a rich table, matplotlib figures, `summary.json`, `report.html`. Nothing is computed here
but words; the numbers are those of the result.
"""

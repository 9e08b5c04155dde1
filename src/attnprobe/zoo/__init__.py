"""Small models that ship with the package, trained by its own recipe: weights, cards, and the catalogue of them.

In: a name. Out: a directory in ordinary HF format, and a card.
"""

"""The zoo's recipe: tokenizer, network, data, optimiser, loop, evaluation, export.

In: a recipe's name. Out: a model's directory with its card.
"""

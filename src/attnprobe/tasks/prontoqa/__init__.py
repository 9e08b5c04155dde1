"""PrOntoQA-OOD (Saparov et al., arXiv 2305.15269): invented ontologies, six rules, proofs in plain English.

As data flows: vocabulary -> draw (fresh words) -> logic (formulas) -> rules (a problem with its proof) ->
distractors -> grammar and writing (words on the page) -> layout (prompt and gold) -> sources, foils,
corruption -> examples -> generate.
"""

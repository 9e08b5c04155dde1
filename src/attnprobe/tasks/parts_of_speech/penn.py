"""Penn Treebank tags as universal categories.

In: a word and its Penn tag. Out: its category.

Source: the tags that the English guidelines of Universal Dependencies name for each category
(universaldependencies.org/en/pos), which refine Petrov et al. 2012 (arXiv 1104.2086). A tag alone cannot tell
everything that these guidelines tell apart; where it cannot, we decide by the word, and differ in three places: a
determiner that stands alone stays DET; `have` and `do` are VERB even as auxiliaries; prepositions and conjunctions of
one tag are told apart by a list.
"""

from collections.abc import Mapping
from types import MappingProxyType

from attnprobe.tasks.parts_of_speech.categories import Category

_TAGS: Mapping[Category, tuple[str, ...]] = MappingProxyType(
    {
        Category.ADJ: ("JJ", "JJR", "JJS", "AFX"),
        Category.ADP: ("IN", "RP", "PP"),
        Category.ADV: ("RB", "RBR", "RBS", "WRB"),
        Category.AUX: ("MD",),
        Category.CCONJ: ("CC",),
        Category.DET: ("DT", "PDT", "WDT"),
        Category.INTJ: ("UH",),
        Category.NOUN: ("NN", "NNS"),
        Category.NUM: ("CD",),
        Category.PART: ("POS", "TO"),
        Category.PRON: ("PRP", "PRP$", "WP", "WP$", "EX"),
        Category.PROPN: ("NNP", "NNPS"),
        Category.PUNCT: (".", ",", ":", "(", ")", "``", "''", '"', "-LRB-", "-RRB-", "HYPH", "NFP"),
        Category.SYM: ("SYM", "$", "#"),
        Category.VERB: ("VB", "VBD", "VBG", "VBN", "VBP", "VBZ"),
        Category.OTHER: ("FW", "LS", "ADD"),
    }
)
_CATEGORY_OF = {tag: category for category, tags in _TAGS.items() for tag in tags}
_BE = frozenset({"am", "are", "be", "been", "being", "is", "was", "were", "'m", "'re", "’m", "’re"})
_NEGATIONS = frozenset({"not", "n't", "n’t"})
_RELATIVES = frozenset({"that", "which"})
_SUBORDINATORS = frozenset({"although", "because", "if", "since", "that", "though", "unless", "whether", "while"})


def universal(word: str, tag: str) -> Category:
    """The category of a word with a Penn tag; `OTHER` for a tag that is none.

    Args:
        word: as written.
        tag: one of the Penn Treebank's; what follows a hyphen, as the kind of a named entity, is not looked at.
    """
    lowered = word.lower()
    category = _CATEGORY_OF.get(tag) or _CATEGORY_OF.get(tag.split("-")[0], Category.OTHER)
    if category is Category.VERB and lowered in _BE:
        return Category.AUX
    if category is Category.ADV and lowered in _NEGATIONS:
        return Category.PART
    if tag == "WDT" and lowered in _RELATIVES:
        return Category.PRON
    if tag == "IN" and lowered in _SUBORDINATORS:
        return Category.SCONJ
    return category

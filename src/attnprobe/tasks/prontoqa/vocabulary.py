"""The words of PrOntoQA-OOD, and how a word is written where it stands.

In: nothing. Out: word lists, plurals, articles.

Word lists: the generator of Saparov et al. (arXiv 2305.15269), github.com/asaparov/prontoqa, commit 0a6412b,
Apache License 2.0.
"""

from types import MappingProxyType

NAMES = ("Fae", "Rex", "Sally", "Max", "Alex", "Sam", "Polly", "Stella", "Wren")

CONCEPTS = (
    *(
        "wumpus",
        "yumpus",
        "zumpus",
        "dumpus",
        "rompus",
        "numpus",
        "tumpus",
        "vumpus",
        "impus",
        "jompus",
        "gorpus",
    ),
    *("shumpus", "lempus", "sterpus", "grimpus", "lorpus", "brimpus"),
)

IRRELEVANT_CONCEPTS = (
    *("timpus", "yimpus", "rempus", "fompus", "worpus", "terpus", "gerpus", "kerpus", "scrompus", "zhorpus"),
    *("bompus", "jelpus", "felpus", "chorpus", "hilpus", "storpus", "yerpus", "boompus", "gwompus", "rorpus"),
    "quimpus",
)

PROPERTY_FAMILIES = (
    ("blue", "red", "brown", "orange"),
    ("small", "large"),
    ("metallic", "wooden", "luminous", "liquid"),
    ("transparent", "opaque"),
    ("nervous", "happy", "feisty", "shy"),
    ("bright", "dull"),
    ("sweet", "sour", "spicy", "bitter"),
    ("floral", "fruity", "earthy"),
    ("hot", "cold", "temperate"),
    ("kind", "mean", "angry", "amenable", "aggressive"),
    ("melodic", "muffled", "discordant", "loud"),
    ("slow", "moderate", "fast"),
    ("windy", "sunny", "overcast", "rainy", "snowy"),
)

FAMILY_OF = MappingProxyType({adjective: family for family in PROPERTY_FAMILIES for adjective in family})


def plural(noun: str) -> str:
    """A concept's plural: `sterpus` gives `sterpuses`."""
    return noun + "es"


def article(following: str) -> str:
    """The indefinite article before a word: `an` before a vowel, but not before `eu`."""
    return "an" if following[0] in "aeiou" and not following.startswith("eu") else "a"

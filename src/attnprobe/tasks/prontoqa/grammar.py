"""Formulas written as English, word by word, so that nothing about a text is ever found by searching it.

In: a formula. Out: `Word`s that know their lemma, their kind and the part of the formula that they write;
`joined` turns them into text and the characters at which each stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from attnprobe.tasks.example import Span, WordKind
from attnprobe.tasks.prontoqa.logic import (
    And,
    Claim,
    Conjunction,
    Formula,
    Literal,
    Or,
    Predicate,
    Universal,
    Wording,
)
from attnprobe.tasks.prontoqa.vocabulary import article, plural

PUNCTUATION = frozenset(".,")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word or punctuation mark of a sentence.

    Attributes:
        text: as written here.
        lemma: as the vocabulary has it.
        kind: what it is; a function word or a mark is `UNLICENSED`.
        plural: whether it is a noun in the plural.
        leaf: index into the leaves of its formula, None for a function word or a mark.
        operand: index of the operand of its formula's `Or` or `Conjunction` that it writes; None if it writes
            none, or if all share it (the subject of a claim with an `Or`).
    """

    text: str
    lemma: str
    kind: WordKind = WordKind.UNLICENSED
    plural: bool = False
    leaf: int | None = None
    operand: int | None = None

    def spelled(self, lemma: str) -> str:
        """Another lemma, written as this word is: its number, its capital."""
        text = plural(lemma) if self.plural else lemma
        return text[0].upper() + text[1:] if self.text[0].isupper() else text


def clause(formula: Formula) -> tuple[Word, ...]:
    """A formula as a clause: no capital (but a name's), no full stop."""
    match formula:
        case Claim():
            words = _claim(formula)
        case Universal():
            words = _universal(formula)
        case Conjunction(claims=claims):
            words: list[Word] = []
            for index, claim in enumerate(claims):
                if index:
                    words.append(_function("and"))
                words.extend(replace(word, operand=index) for word in _claim(claim))
    return _with_leaves(words)


def sentence(*parts: str | tuple[Word, ...]) -> tuple[Word, ...]:
    """Clauses and the function words and marks between them as a sentence, with its capital and full stop."""
    words: list[Word] = []
    for part in parts:
        words.extend([_function(part)] if isinstance(part, str) else part)
    first = words[0]
    words[0] = replace(first, text=first.text[0].upper() + first.text[1:])
    return (*words, _function("."))


def joined(words: Iterable[Word], *, offset: int = 0) -> tuple[str, tuple[Span, ...]]:
    """The text of words, one space between two, none before a mark; and where each word stands.

    Args:
        words: the words.
        offset: where the text will begin, in characters.
    """
    text = ""
    spans: list[Span] = []
    for word in words:
        if text and word.text not in PUNCTUATION:
            text += " "
        spans.append(Span(offset + len(text), offset + len(text) + len(word.text)))
        text += word.text
    return text, tuple(spans)


def _function(text: str) -> Word:
    return Word(text=text, lemma=text)


def _with_leaves(words: Sequence[Word]) -> tuple[Word, ...]:
    numbered: list[Word] = []
    leaf = 0
    for word in words:
        if word.kind is WordKind.UNLICENSED:
            numbered.append(word)
        else:
            numbered.append(replace(word, leaf=leaf))
            leaf += 1
    return tuple(numbered)


def _claim(claim: Claim) -> list[Word]:
    name = Word(text=claim.name, lemma=claim.name, kind=WordKind.NAME)
    return [name, _function("is"), *_predicate(claim.predicate, is_plural=False)]


def _universal(rule: Universal) -> list[Word]:
    match rule.wording:
        case Wording.EACH | Wording.EVERY:
            subject = [_function(rule.wording.value), *_content(rule.antecedent, is_plural=False)]
        case Wording.PLURAL:
            subject = _content(rule.antecedent, is_plural=True)
        case Wording.THAT_IS:
            described = _predicate(rule.antecedent, is_plural=False)
            subject = [_function("everything"), _function("that"), _function("is"), *described]
    is_plural = rule.wording is Wording.PLURAL
    consequent = [replace(word, operand=None) for word in _predicate(rule.consequent, is_plural=is_plural)]
    return [*subject, _function("are" if is_plural else "is"), *consequent]


def _predicate(predicate: Predicate, *, is_plural: bool) -> list[Word]:
    """What stands after the verb: with `not`, articles and `or`."""
    if isinstance(predicate, Or):
        words: list[Word] = []
        for index, part in enumerate(predicate.operands):
            if index:
                words.append(_function("or"))
            words.extend(replace(word, operand=index) for word in _predicate(part, is_plural=is_plural))
        return words
    words = _content(predicate, is_plural=is_plural)
    if words[-1].kind is WordKind.NOUN and not is_plural:
        words.insert(0, _function(article(words[0].text)))
    if isinstance(predicate, Literal) and predicate.negated:
        words.insert(0, _function("not"))
    return words


def _content(predicate: Predicate, *, is_plural: bool) -> list[Word]:
    """The adjectives and nouns alone, as they stand before a verb or after an article."""
    literals = predicate.operands if isinstance(predicate, And | Or) else (predicate,)
    words: list[Word] = []
    for literal in literals:
        in_plural = is_plural and literal.kind is WordKind.NOUN
        text = plural(literal.lemma) if in_plural else literal.lemma
        words.append(Word(text=text, lemma=literal.lemma, kind=literal.kind, plural=in_plural))
    return words

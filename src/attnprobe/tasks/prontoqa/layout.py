"""How exemplars, question, query and gold stand on a page: byte for byte as in the data of arXiv 2502.15120.

In: items as text (ours, or upstream's JSON). Out: prompt and gold, and where each part stands.

    Q: {question} {Prove: ...}{break}A: {proof}{break}\\n    for each exemplar
    Q: {question} {Prove: ...}{break}A:                      and the gold follows: " {proof}"

`break` is a line break, or two if any proof on the page holds a blank line itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.tasks.example import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question with its proof, as text.

    Attributes:
        question: the sentences that are given; begins with a space, as upstream's, where no rule is among
            them.
        query: what is to be proved, with `Prove: ` before it.
        proof: the sentences of the gold proof, some ending with a blank line.
    """

    question: str
    query: str
    proof: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The proof as one text."""
        return " ".join(self.proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A prompt and its gold, with the text offsets of its parts; `exemplars` is None where there are none."""

    prompt: str
    gold: str
    exemplars: Span | None
    question: Span
    query: Span


def lay_out(item: Item, exemplars: Sequence[Item] = ()) -> Page:
    """The prompt that ends where the proof of `item` is to begin, and that proof.

    Args:
        item: what is asked.
        exemplars: solved items before it, in order.
    """
    has_blank_line = any("\n\n" in sentence for each in (item, *exemplars) for sentence in each.proof)
    break_ = "\n\n" if has_blank_line else "\n"
    shown = "".join(f"Q: {each.question} {each.query}{break_}A: {each.answer}{break_}\n" for each in exemplars)
    question = len(shown) + len("Q: ")
    # the space that some questions begin with is no part of them
    first = question + len(item.question) - len(item.question.lstrip())
    query = question + len(item.question) + 1
    return Page(
        prompt=f"{shown}Q: {item.question} {item.query}{break_}A:",
        gold=f" {item.answer}",
        exemplars=Span(0, len(shown.rstrip())) if shown else None,
        question=Span(first, query - 1),
        query=Span(query, query + len(item.query)),
    )

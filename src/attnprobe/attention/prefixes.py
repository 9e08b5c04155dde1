"""What stands in front of each gold token when every prefix of the gold is tokenised anew, as the source paper does.

In: a prompt, a gold text, a tokenizer. Out: `GoldPrefix`es, and `Chain`s of those that begin alike, so that one forward
pass over the longest serves all of a chain.

Tokens of a longer prefix need not begin with those of a shorter one: text behind a word can merge into it, and some
tokenizers put a token behind every text. Then there are several chains.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from attnprobe.errors import TaskError
from attnprobe.tasks.example import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldPrefix:
    """One gold token and what the model is given before it.

    Attributes:
        index: which token of the gold.
        piece: the token, as the tokenizer's vocabulary has it.
        ids: of prompt and gold so far, special tokens included.
    """

    index: int
    piece: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Prefixes each of which is the beginning of the next.

    Attributes:
        prefixes: shortest first.
    """

    prefixes: tuple[GoldPrefix, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the longest: what runs."""
        return self.prefixes[-1].ids


def gold_prefixes(example: Example, tokenizer: PreTrainedTokenizerBase) -> tuple[GoldPrefix, ...]:
    """Each token of the gold, and the text before it tokenised anew.

    The gold is tokenised alone. Behind the prompt come one space and the gold so far; a gold that begins with a space
    thus stands behind two. Nothing is put behind the prompt for the first token.

    Raises:
        TaskError: the gold has no token under this tokenizer.

    Source: protocol of arXiv 2502.15120, revision 1.
    """
    pieces = tokenizer.tokenize(example.gold)
    if not pieces:
        raise TaskError(
            f"example {example.id!r}: the gold {example.gold!r} has no token under this tokenizer; give a gold that "
            "holds words."
        )
    prefixes: list[GoldPrefix] = []
    for index, piece in enumerate(pieces):
        partial = tokenizer.convert_tokens_to_string(pieces[:index])
        text = f"{example.prompt} {partial}" if partial else example.prompt
        ids = tuple(tokenizer(text, verbose=False)["input_ids"])
        prefixes.append(GoldPrefix(index=index, piece=piece, ids=ids))
    return tuple(prefixes)


def chains_of(prefixes: Sequence[GoldPrefix], *, turns_at: int | None = None) -> tuple[Chain, ...]:
    """As few chains as there can be: one for each prefix that no other begins with; the one that serves most first.

    A prefix that several chains could serve goes to the longest of them.

    Args:
        prefixes: in any order.
        turns_at: of the model (`ModelDims.turns_at`): what is longer is no continuation of what is not.
    """

    def is_long(prefix: GoldPrefix) -> bool:
        return turns_at is not None and len(prefix.ids) > turns_at

    chains: list[list[GoldPrefix]] = []
    for prefix in sorted(prefixes, key=lambda each: (-len(each.ids), -each.index)):
        alike = (chain for chain in chains if is_long(chain[0]) == is_long(prefix))
        serving = next((chain for chain in alike if chain[0].ids[: len(prefix.ids)] == prefix.ids), None)
        if serving is None:
            chains.append([prefix])
        else:
            serving.append(prefix)
    chains.sort(key=lambda chain: -len(chain))
    return tuple(Chain(prefixes=tuple(reversed(chain))) for chain in chains)

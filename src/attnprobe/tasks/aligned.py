"""An example as one tokenizer sees it: token positions instead of characters.

In: nothing. Out: `AlignedExample` and its `Target`s, made by `alignment`, consumed by everything downstream.
Positions are absolute, 0 is the first token including any BOS; padding is not counted, ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from attnprobe.tasks.example import Example, KeyDefinition, WordKind

SINK_POSITION = 0
"""The first token draws attention that has nowhere to go whatever it is (Xiao et al. 2023, arXiv 2309.17453)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One gold token.

    Attributes:
        position: where the token stands; position - 1 predicts it.
        token: its id.
        kind: the kind of the word that it is a piece of.
        word: index into `Example.words`, or None.
        piece: 0 for the first piece of its word, 1 for the second, ...
        keys: for each definition the task knows, the key positions, sorted, all <= `predicting`; empty where the
            definition gives none (such tokens are outside the metric and counted as unlicensed).
        foil: id of the token that the foil word would have here, at the first piece where gold and foil differ;
            else None.
        foil_keys: what the keys would be were the foil right, by definition; see `foil_keys`. Empty without a foil.
    """

    position: int
    token: int
    kind: WordKind
    word: int | None = None
    piece: int = 0
    keys: Mapping[KeyDefinition, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    foil: int | None = None
    foil_keys: Mapping[KeyDefinition, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def predicting(self) -> int:
        """The position whose output predicts this token."""
        return self.position - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedCorruption:
    """The corrupted run of an example: as many tokens, the same predicting position.

    Attributes:
        ids: token ids of the corrupted text, as many as the clean ones.
        position: the first position, within the gold, at which clean and corrupted differ.
        gold: id of the clean token there.
        foil: id of the corrupted token there.
    """

    ids: tuple[int, ...]
    position: int
    gold: int
    foil: int

    @property
    def predicting(self) -> int:
        """The position whose output predicts the token at `position`."""
        return self.position - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The same part of a clean and of a corrupted text, token positions in each, both ascending, none empty.

    Attributes:
        name: of the named span that it is a piece of, or `gold`, `predicting`, `special`.
        clean: in the clean text.
        corrupted: in the corrupted text.
    """

    name: str
    clean: tuple[int, ...]
    corrupted: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnevenCorruption:
    """The corrupted run of an example whose tokens do not line up with the clean ones: known are parts that do.

    Attributes:
        ids: token ids of the corrupted text.
        position: the first position, within the gold, at which clean and corrupted differ, in the clean text.
        corrupted_position: the same place in the corrupted text.
        gold: id of the clean token there.
        foil: id of the corrupted token there.
        stretches: what is the same part in both, no token in two of them; `predicting` and `gold` come first.
    """

    ids: tuple[int, ...]
    position: int
    corrupted_position: int
    gold: int
    foil: int
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedExample:
    """One example under one tokenizer.

    Attributes:
        example: the text and its spans.
        ids: token ids of prompt and gold, tokenised in one piece, special tokens included.
        prompt_length: number of tokens before the first gold token, special tokens included.
        special: positions of special tokens that the tokenizer added (BOS).
        targets: one for each gold token, in order.
        spans: token positions of each named span.
        corruption: the first corruption whose pieces line up, or None.
        uneven: where none lines up, the first whose gold parts from the clean one at the target word, or None.
    """

    example: Example
    ids: tuple[int, ...]
    prompt_length: int
    special: tuple[int, ...]
    targets: tuple[Target, ...]
    spans: Mapping[str, tuple[int, ...]]
    corruption: AlignedCorruption | None = None
    uneven: UnevenCorruption | None = None

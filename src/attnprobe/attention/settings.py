"""What a scoring run is asked to do, as one validated value.

In: options as given on the command line or in Python. Out: `ScoreSettings`, which scoring reads and the manifest
stores. Every combination that has no meaning is refused here, before a model is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.errors import SpecError
from attnprobe.kernels import Impl


class Protocol(StrEnum):
    """How gold tokens are scored.

    ALIGNED: one forward of prompt and gold, tokenised in one piece; keys by definition; every layer and head; nulls.
    PAPER: arXiv 2502.15120 to the digit, its quirks included: each prefix tokenised anew behind a doubled space, keys
        by string equality, last layer, mean over heads, tokens and rows, no null.
    """

    ALIGNED = "aligned"
    PAPER = "paper"


class Normalisation(StrEnum):
    """What a key's score is; `normalise` defines each and names its source.

    SAMRANK: received + given attention within the prefix, min-max scaled (the paper's). GLOBAL: received alone,
    min-max. PROPORTIONAL: given alone, min-max. SUM: received + given, as it is. RANK: the percentile of received +
    given among the prefix's tokens. SINK_REMOVED: SAMRANK without the columns that take more than a share of all mass.
    DIRECT: attention from the predicting position to the key. RENORMALISED: the same, with first key and sinks removed
    and rows renormalised. VALUE_WEIGHTED: the same as DIRECT, each edge weighted by the norm of what it carries.
    ROLLOUT: attention rolled out from the predicting position through all layers below.
    """

    SAMRANK = "samrank"
    GLOBAL = "global"
    PROPORTIONAL = "proportional"
    SUM = "sum"
    RANK = "rank"
    SINK_REMOVED = "sink_removed"
    DIRECT = "direct"
    RENORMALISED = "renormalised"
    VALUE_WEIGHTED = "value_weighted"
    ROLLOUT = "rollout"

    @property
    def is_mass(self) -> bool:
        """Whether scores are masses, which add up over keys; of the others a set of keys has its largest."""
        return self in (
            Normalisation.DIRECT,
            Normalisation.RENORMALISED,
            Normalisation.VALUE_WEIGHTED,
            Normalisation.ROLLOUT,
        )


class FirstKey(StrEnum):
    """Which first key gets a score of 0 (SAMRank) or is removed (renormalised).

    FIRST_TOKEN: the first token whatever it is, as in the paper. BOS: only special tokens that the tokenizer added.
    NONE: no key.
    """

    FIRST_TOKEN = "first_token"
    BOS = "bos"
    NONE = "none"


class Null(StrEnum):
    """What a gold token's score is held against; each a set of keys scored within the same prefix.

    WRONG_TOKEN: another token (word, sentence: as the keys are) that occurs as often. POSITION: as many keys that are
    not gold, at matched positions. PERMUTED: the keys of the example's gold tokens dealt out among them anew, in mean
    over all ways that keep every key before its token; a token may get its own, as in any permutation test.
    """

    WRONG_TOKEN = "wrong_token"
    POSITION = "position"
    PERMUTED = "permuted"


_CHOICES: Mapping[str, type[StrEnum]] = {
    "protocol": Protocol,
    "normalise": Normalisation,
    "first_key": FirstKey,
    "impl": Impl,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSettings:
    """How attention is scored on gold tokens.

    Attributes:
        protocol: `aligned` or `paper`; the second fixes everything below but `seed` and `impl`.
        normalise: what a key's score is.
        keys: `token_match`, `premise`, `source_word`, or the name of a span.
        layers: which layers; None for all.
        first_key: which first key does not count.
        sink_share: columns that take more than this share of the mass are sinks, in (0, 1].
        seed: of everything drawn.
        batch_size: sequences in one forward pass.
        impl: which kernels.
    """

    protocol: Protocol = Protocol.ALIGNED
    normalise: Normalisation = Normalisation.DIRECT
    keys: str = "source_word"
    layers: tuple[int, ...] | None = None
    first_key: FirstKey = FirstKey.FIRST_TOKEN
    sink_share: float = 0.2
    seed: int = 0
    batch_size: int = 8
    impl: Impl = Impl.AUTO

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            # names are taken as text too; a text that is not turned into its member would compare equal and not be it
            given = getattr(self, name)
            try:
                object.__setattr__(self, name, kind(given))
            except ValueError as error:
                raise SpecError(f"{name} {given!r}: expected one of {', '.join(kind)}.") from error
        if not 0 < self.sink_share <= 1:
            raise SpecError(f"sink share {self.sink_share}: expected a share of the mass in (0, 1].")
        if self.batch_size < 1:
            raise SpecError(f"batch size {self.batch_size}: expected at least 1 sequence.")
        if self.layers is not None and (not self.layers or list(self.layers) != sorted(set(self.layers))):
            raise SpecError(f"layers {list(self.layers)}: expected at least one, sorted, none twice; or None for all.")

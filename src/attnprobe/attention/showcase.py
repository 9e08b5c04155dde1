"""One example under one head, kept whole so that it can be looked at.

In: a model, a task, a `ScoreResult`. Out: `Showcase`: tokens as text, the pattern, and each token's score.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.plan import HeadId


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldLink:
    """A scored gold token and where its keys are.

    Attributes:
        position: of the token; the position before it predicts it.
        keys: positions, all before it.
    """

    position: int
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Showcase:
    """One example under one head.

    Attributes:
        example: its id.
        head: which.
        tokens: the text of each token of prompt and gold; special tokens by their name.
        prompt_length: how many tokens come before the first gold token.
        pattern: attention from each query to each key.
        links: every scored gold token.
        focus: the gold token whose keys are scored in `scores`.
        scores: of each token as a key of the focus, under the run's normalisation; 0 from the focus on.
    """

    example: str
    head: HeadId
    tokens: tuple[str, ...]
    prompt_length: int
    pattern: Float[np.ndarray, "q_pos k_pos"]
    links: tuple[GoldLink, ...]
    focus: GoldLink
    scores: Float[np.ndarray, " k_pos"]

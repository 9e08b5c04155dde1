"""A two-layer GPT-2 whose induction circuit is set by hand, and texts on which its every number is known.

In: nothing. Out: the model, its tokenizer, both as a directory, examples as JSONL, and the numbers that are known of
them. Why these are the numbers is worked out on paper, step by step, in `tests/models/test_known_circuit.py`.

The residual stream has 128 dimensions, u and its mirror image -u, 64 each. u holds four orthogonal subspaces of 16:
the token, the position, the token before, and what comes out. The mirror keeps every mean at zero, so that a layer
norm is a division by sqrt(|u|^2 / 64 + eps), and |u|^2 never depends on which words a text has.
"""

import json
import random
from dataclasses import dataclass
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from attnprobe.plan import HeadId

WORDS = ("<unk>", "start", "ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "jay", "kea", "lynx", "mole", "newt",
         "owl")  # fmt: skip
"""The vocabulary, by token id."""
N_WORDS = N_POSITIONS = 16
N_HEADS, D_HEAD, D_HALF = 4, 32, 64
TOKEN, POSITION, BEFORE, OUT = 0, 16, 32, 48
"""Where each subspace of u begins."""

AMPLITUDE = sqrt(32)
"""Of the token and of the position in the residual stream: together they have |u|^2 = 64."""
EPS = 1e-5
"""Of the layer norms."""
UNEMBEDDING = 2.0
"""A word's logit for each unit of it in the out subspace, after the last norm."""
PREVIOUS_TOKEN_SCORE, INDUCTION_SCORE = 120.0, 180.0
"""Attention logit of a key that matches, before the layer norms' factors; of others it is 0."""

PREVIOUS_TOKEN = HeadId(layer=0, head=1)
INDUCTION = HeadId(layer=1, head=2)
SHADOW = HeadId(layer=1, head=0)
"""Attends where the induction head does, and writes nothing: attention without effect."""


def induction_gpt2() -> GPT2LMHeadModel:
    """The model, in float32 and evaluation mode.

    Two heads write: L0H1 copies the token before into the subspace BEFORE, L1H2 looks for a position whose token before
    is the present one and copies that position's token into OUT. The other six attend in various ways and read values,
    but their rows of W_O are zero. MLPs are zero.
    """
    config = GPT2Config(
        vocab_size=N_WORDS,
        n_positions=N_POSITIONS,
        n_embd=2 * D_HALF,
        n_layer=2,
        n_head=N_HEADS,
        layer_norm_epsilon=EPS,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0)
        model.transformer.wte.weight.copy_(_mirrored(AMPLITUDE * _embedding(TOKEN)))
        model.transformer.wpe.weight.copy_(_mirrored(AMPLITUDE * _embedding(POSITION)))
        # reads one half only: the other says the same
        model.lm_head.weight[:, :D_HALF] = UNEMBEDDING * _embedding(OUT)
        first, second = (_Attention(block.attn) for block in model.transformer.h)
        first.attends(1, query=POSITION, key=POSITION, score=PREVIOUS_TOKEN_SCORE, shift=1)
        first.writes(1, BEFORE)
        first.attends(2, query=TOKEN, key=TOKEN, score=3.0)
        first.attends(3, query=POSITION, key=POSITION, score=PREVIOUS_TOKEN_SCORE)
        second.attends(SHADOW.head, query=TOKEN, key=BEFORE, score=INDUCTION_SCORE)
        second.attends(1, query=POSITION, key=POSITION, score=5.0, shift=1)
        second.attends(INDUCTION.head, query=TOKEN, key=BEFORE, score=INDUCTION_SCORE)
        second.writes(INDUCTION.head, OUT)
    return model


class _Attention:
    """Sets the weights of one GPT-2 attention module head by head; every head reads tokens as values."""

    def __init__(self, module: Any) -> None:
        # [in, out], out being q, k, v of all heads one after the other
        self._qkv = module.c_attn.weight.view(2 * D_HALF, 3, N_HEADS, D_HEAD)
        self._output = module.c_proj.weight.view(N_HEADS, D_HEAD, 2 * D_HALF)
        for head in range(N_HEADS):
            self._qkv[TOKEN : TOKEN + N_WORDS, 2, head, :N_WORDS] = torch.eye(N_WORDS)

    def attends(self, head: int, *, query: int, key: int, score: float, shift: int = 0) -> None:
        """Where a query's subspace and a key's, `shift` places further, name the same thing, the logit is `score`."""
        # both carry AMPLITUDE, and attention divides by sqrt(D_HEAD)
        gain = sqrt(score * sqrt(D_HEAD)) / AMPLITUDE
        n_named = N_WORDS - shift
        self._qkv[query : query + N_WORDS, 0, head, :N_WORDS] = gain * torch.eye(N_WORDS)
        self._qkv[key : key + n_named, 1, head, shift:N_WORDS] = gain * torch.eye(n_named)

    def writes(self, head: int, subspace: int) -> None:
        """The head's values go into this subspace."""
        self._output[head, :N_WORDS] = _mirrored(_embedding(subspace))


def _embedding(subspace: int) -> Tensor:
    """Unit vector number i of the subspace in row i."""
    return torch.eye(N_WORDS, D_HALF).roll(subspace, dims=1)


def _mirrored(rows: Tensor) -> Tensor:
    return torch.cat([rows, -rows], dim=1)


def circuit_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word of `WORDS`, nothing added."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<unk>")


def save_circuit(directory: Path) -> Path:
    """Write model and tokenizer as a transformers directory, and return it."""
    induction_gpt2().save_pretrained(directory)
    circuit_tokenizer().save_pretrained(directory)
    return directory


@dataclass(frozen=True, kw_only=True)
class InductionExample:
    """A text `start ... A B ... A` that B completes.

    Attributes:
        id: its name.
        words: of the prompt, all different but for A, which is twice there.
        key: position of B, the gold key.
        foil: a word that is not in the text; with it in B's place, it is what completes the text.
    """

    id: str
    words: tuple[str, ...]
    key: int
    foil: str

    @property
    def gold(self) -> str:
        """B."""
        return self.words[self.key]

    @property
    def predicting(self) -> int:
        """The last position of the prompt, where A is for the second time."""
        return len(self.words) - 1

    @property
    def ids(self) -> list[int]:
        """Token ids of the prompt."""
        return [WORDS.index(word) for word in self.words]

    @property
    def corrupted_ids(self) -> list[int]:
        """Token ids of the prompt with the foil in B's place."""
        return [WORDS.index(word) for word in self._corrupted_words]

    @property
    def _corrupted_words(self) -> tuple[str, ...]:
        return (*self.words[: self.key], self.foil, *self.words[self.key + 1 :])

    def as_json(self) -> str:
        """One line of our JSONL format."""
        start = len(" ".join(self.words[: self.key])) + 1
        keys = [[start, start + len(self.gold)]]
        return json.dumps(
            {
                "id": self.id,
                "prompt": " ".join(self.words),
                "gold": f" {self.gold}",
                "foil": f" {self.foil}",
                "corrupted": " ".join(self._corrupted_words),
                "spans": {"key": keys},
                "sources": [{"gold": [1, 1 + len(self.gold)], "keys": keys}],
            }
        )


def draw_examples(n: int, *, seed: int = 0) -> list[InductionExample]:
    """Texts of 6 to 13 words; at least one word stands between B and the second A."""
    rng = random.Random(seed)
    examples: list[InductionExample] = []
    for index in range(n):
        n_before, n_between = rng.randint(1, 4), rng.randint(1, 5)
        *others, a, b, foil = rng.sample(WORDS[2:], n_before + n_between + 3)
        words = ("start", *others[:n_before], a, b, *others[n_before:], a)
        examples.append(InductionExample(id=f"induction-{seed}-{index}", words=words, key=n_before + 2, foil=foil))
    return examples


def norm_factor(n: float) -> float:
    """What a layer norm multiplies a stream with |u|^2 = n by: s(n)."""
    return 1 / sqrt(n / D_HALF + EPS)


S0 = norm_factor(2 * AMPLITUDE**2)
N1 = 2 * AMPLITUDE**2 + (S0 * AMPLITUDE) ** 2
"""|u|^2 after layer 0."""
S1 = norm_factor(N1)


def logit_of(share: float, *, into: float, factor: float, squares: float) -> float:
    """Logit of a word that L1H2 gives a share of its attention.

    Args:
        share: of the word.
        into: |u|^2 that layer 1 sees.
        factor: s of that.
        squares: sum of the squares of all words' shares.
    """
    moved = factor * AMPLITUDE
    return UNEMBEDDING * norm_factor(into + moved**2 * squares) * moved * share


def log_prob(gold: float, others: list[float]) -> float:
    """Of a word with logit `gold` where some others have logits `others` and the rest of the vocabulary has 0."""
    rest = N_WORDS - 1 - len(others)
    return gold - log(exp(gold) + sum(map(exp, others)) + rest)


GOLD_LOGIT = logit_of(1.0, into=N1, factor=S1, squares=1.0)
"""L of step 3."""
CLEAN = log_prob(GOLD_LOGIT, [])
"""Log-probability of the gold word as it is."""
WITHOUT_INDUCTION = -log(N_WORDS)
"""Step 4."""


def without_previous_token(example: InductionExample) -> float:
    """Log-probability of the gold word by step 5."""
    n = len(example.words)
    once, twice = (logit_of(count / n, into=2 * AMPLITUDE**2, factor=S0, squares=(n + 2) / n**2) for count in (1, 2))
    # all words of the text but for the gold one and A, which is there twice
    return log_prob(once, [once] * (n - 3) + [twice])


def with_key_masked(example: InductionExample) -> float:
    """Log-probability of the gold word by step 6."""
    n = len(example.words)
    once, twice = (logit_of(count / (n - 1), into=N1, factor=S1, squares=(n + 1) / (n - 1) ** 2) for count in (1, 2))
    return log_prob(0.0, [once] * (n - 3) + [twice])


def write_examples(path: Path, n: int, *, seed: int = 0) -> Path:
    """Write examples as a JSONL task file, and return its path."""
    path.write_text("".join(example.as_json() + "\n" for example in draw_examples(n, seed=seed)), encoding="utf-8")
    return path

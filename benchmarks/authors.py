"""The scoring of arXiv 2502.15120 as its authors run it, in our own words: the oracle, and what we race against.

In: a transformers model whose attention is `eager`, its tokenizer, prompts and labels. Out: scores. Nothing here is
faster than theirs: one forward pass with all attention maps for each gold token, head after head in numpy, a dense
product with a diagonal matrix.

Kept as it is there: the label is tokenised alone and every prefix of it anew, behind the prompt and one more space; the
first token is set to zero whatever it is; a gold token matches every equal token of the whole prompt, exemplars and
answer so far included; the best match counts; no match is 0; only the last layer is looked at. A map without any
difference (a prompt of one token) is 0 / 0: their NaN is ours too.

Source: Revision1/Auto_Attention_Score of the authors' repository, and SAMRank (Kang and Shin, EMNLP 2023) under it.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

ROWS_IN_A_GROUP = 100
"""The running mean starts anew after as many rows: one deduction rule of the authors' file."""


@contextmanager
def eager(hf_model: PreTrainedModel) -> Generator[None]:
    """The model with the one attention that returns its maps, its own again afterwards."""
    before = str(hf_model.config._attn_implementation)  # pyright: ignore[reportPrivateUsage] # no public way to ask
    hf_model.set_attn_implementation("eager")
    try:
        yield
    finally:
        hf_model.set_attn_implementation(before)


def key_values(attention: Float[np.ndarray, "q_pos k_pos"]) -> Float[np.ndarray, " k_pos"]:
    """What each token of one head's map is worth: received and given attention, scaled to 0..1 by min and max."""
    received = np.sum(attention, axis=0)
    received[0] = 0
    weighted = np.dot(attention, np.diag(received))
    with np.errstate(all="ignore"):
        shared = np.nan_to_num(weighted / np.sum(weighted, axis=0), nan=0)
        total = received + np.sum(shared, axis=1)
        return (total - np.min(total)) / (np.max(total) - np.min(total))


def head_scores(
    attention: Float[Tensor, "head q_pos k_pos"], tokens: Sequence[str | int], gold: str | int
) -> list[float]:
    """The score of one gold token in every head of a layer: its best match, 0 without one."""
    scores: list[float] = []
    for head in attention:
        values = key_values(head.cpu().numpy())
        matching = [values[place] for place, token in enumerate(tokens) if token == gold]
        scores.append(float(max(matching)) if matching else 0.0)
    return scores


def prefix_texts(tokenizer: PreTrainedTokenizerBase, prompt: str, label: str) -> list[tuple[str, str]]:
    """For each token of the label, the token and the text in front of it: prompt, a space, the label so far."""
    pieces = tokenizer.tokenize(label)
    texts: list[tuple[str, str]] = []
    for index, piece in enumerate(pieces):
        partial = tokenizer.convert_tokens_to_string(pieces[:index])
        texts.append((piece, f"{prompt} {partial}" if partial else prompt))
    return texts


def authors_head_scores(
    hf_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, label: str, *, layer: int = -1
) -> list[list[float]]:
    """Scores by token of the label and head of a layer, the last one as theirs."""
    scores: list[list[float]] = []
    for piece, text in prefix_texts(tokenizer, prompt, label):
        inputs = tokenizer(text, return_tensors="pt").to(hf_model.device)
        tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())
        maps = _maps(hf_model, inputs["input_ids"], inputs["attention_mask"])
        scores.append(head_scores(maps[layer][0], tokens, piece))
    return scores


def authors_scores(
    hf_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, label: str
) -> list[float]:
    """Scores by token of the label: means over the heads of the last layer.

    Args:
        hf_model: under `eager`.
        tokenizer: its own.
        prompt: their `input`, which ends with `A:`.
        label: the gold text, the space before it included.
    """
    return [float(np.mean(heads)) for heads in authors_head_scores(hf_model, tokenizer, prompt, label)]


def authors_scores_of_ids(
    hf_model: PreTrainedModel, ids: Sequence[int], n_gold: int, *, layers: Sequence[int] = (-1,)
) -> Float[np.ndarray, "layer head gold"]:
    """The same loop where there is no text: the last tokens are gold, and each prefix is cut from the same ids.

    Args:
        hf_model: under `eager`.
        ids: prompt and gold.
        n_gold: how many of the last tokens are gold, fewer than there are tokens.
        layers: which layers, each of the same number of heads; theirs is the last alone.
    """
    scores: list[list[list[float]]] = []
    for end in range(len(ids) - n_gold, len(ids)):
        inputs = torch.tensor([ids[:end]], device=hf_model.device)
        maps = _maps(hf_model, inputs, torch.ones_like(inputs))
        scores.append([head_scores(maps[layer][0], ids[:end], ids[end]) for layer in layers])
    return np.moveaxis(np.array(scores), 0, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRow:
    """What their loop prints after a row.

    Attributes:
        score: of the row, the mean over the tokens of its label.
        mean: of the rows of this group so far.
        std: of the same, with ddof 0.
    """

    score: float
    mean: float
    std: float


def authors_rows(
    hf_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Iterable[tuple[str, str]]
) -> Iterator[RunningRow]:
    """Their whole loop over (input, label) rows."""
    kept: list[float] = []
    for index, (prompt, label) in enumerate(rows):
        if index % ROWS_IN_A_GROUP == 0:
            kept.clear()
        kept.append(float(np.mean(authors_scores(hf_model, tokenizer, prompt, label))))
        yield RunningRow(score=kept[-1], mean=float(np.mean(kept)), std=float(np.std(kept)))


def _maps(hf_model: PreTrainedModel, ids: Tensor, mask: Tensor) -> Sequence[Tensor]:
    with torch.no_grad():
        output: Any = hf_model(input_ids=ids, attention_mask=mask, output_attentions=True)
    if not output.attentions or output.attentions[-1] is None:
        raise RuntimeError("the model returned no attention maps; run it under `eager`.")
    return output.attentions

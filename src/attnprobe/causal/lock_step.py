"""A donor that reads what a recipient writes, token by token, and hands over its attention.

In: a donor model, the layers and heads whose attention is handed over. Out: `LockStep`, which takes its step before the
recipient does, and `TransplantSteering`, which puts its rows into the recipient's.
"""

from collections.abc import Sequence

from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Replace, Site, Tokens, Write

HeadsByLayer = tuple[tuple[int, tuple[int, ...]], ...]


def check_donor(donor: Model, recipient: Model) -> None:
    """Refuse a donor whose attention does not fit.

    Raises:
        SpecError: token ids, layers, query heads or windows differ.
    """
    ours, theirs = recipient.dims, donor.dims
    for name, own, other in (
        ("layers", ours.n_layers, theirs.n_layers),
        ("query heads by layer", ours.n_heads, theirs.n_heads),
        ("sliding windows by layer", ours.windows, theirs.windows),
        ("tokens", _vocabulary(recipient), _vocabulary(donor)),
    ):
        if own != other:
            shown = "other ids for the same text" if name == "tokens" else f"{other}, the model {own}"
            raise SpecError(
                f"donor {donor.provenance.name} does not fit {recipient.provenance.name}: {name}: it has {shown}. "
                "A transplant needs two models of one shape and tokenizer, such as a base model and a fine-tuned one."
            )


def _vocabulary(model: Model) -> object:
    return model.dims.vocab if model.tokenizer is None else sorted(model.tokenizer.get_vocab().items())


class LockStep:
    """A donor's attention on every row of a step.

    Args:
        donor: any backend; runs whole sequences.
        layers: whose attention is handed over.
        reads_prompt: whether the prompt's rows are handed over too, or those alone that predict new tokens.
    """

    def __init__(self, donor: Model, layers: Sequence[int], *, reads_prompt: bool) -> None:
        self._donor = donor
        self._layers = tuple(layers)
        self.reads_prompt = reads_prompt
        self._rows: dict[tuple[int, ...], dict[int, Tensor]] = {}

    def before_step(self, rows: Sequence[Sequence[int]]) -> None:
        """Read what the recipient is about to read; each text once."""
        texts = list(dict.fromkeys(map(tuple, rows)))
        reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in self._layers)
        run = self._donor.forward(Tokens.of(texts), Plan(reads=reads, last_logits=1))
        first = 0 if self.reads_prompt else -1
        # copies, or one row would keep the whole batch's patterns alive
        self._rows = {
            text: {layer: run.read(Point.PATTERN, layer, place)[:, first:].clone() for layer in self._layers}
            for place, text in enumerate(texts)
        }

    def rows(self, ids: Sequence[int]) -> dict[int, Tensor]:
        """The donor's attention on some text, by layer [head, q_pos, k_pos]; the last queries are the text's last."""
        if tuple(ids) not in self._rows:
            self.before_step([ids])
        return self._rows[tuple(ids)]


class TransplantSteering:
    """Puts a donor's attention rows into the recipient's, at every step.

    Args:
        donor: in lock-step.
        heads: by layer, of those that the donor hands over.
        prompt_length: of the answer's prompt.
    """

    def __init__(self, donor: LockStep, heads: HeadsByLayer, prompt_length: int) -> None:
        self._donor = donor
        self._heads = heads
        self._prompt_length = prompt_length

    def writes(self, ids: Sequence[int]) -> tuple[Write, ...]:
        """The edits of one step; see `Steering`."""
        found, length = self._donor.rows(ids), len(ids)
        n_queries = length if self._donor.reads_prompt and length == self._prompt_length else 1
        positions = tuple(range(length - n_queries, length))
        return tuple(
            Write(
                site=Site(point=Point.PATTERN, layer=layer, heads=heads, positions=positions),
                intervention=Replace(values=found[layer][list(heads), -n_queries:], label="the donor's attention"),
            )
            for layer, heads in self._heads
        )

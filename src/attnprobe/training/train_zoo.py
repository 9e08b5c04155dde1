"""`python -m attnprobe.training.train_zoo NAME --out DIR`: makes a model of the zoo again.

In: a name from `RECIPES`. Out: checkpoint and losses in DIR while it runs, the finished model in DIR/NAME.
"""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from attnprobe.errors import AttnprobeError
from attnprobe.training.exact_match import score_kinds
from attnprobe.training.export import export
from attnprobe.training.loop import Training, train
from attnprobe.training.recipe import EVALUATED
from attnprobe.training.zoo_recipes import recipe_for

VALIDATION_SEED = "validation"


def train_zoo(
    name: Annotated[str, typer.Argument(help="Which model, for example pronto-650k.")],
    out: Annotated[Path, typer.Option(help="Directory for the checkpoint, the losses and the finished model.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the directory's checkpoint.")] = False,
    report_every: Annotated[int, typer.Option(help="Steps between two reports.")] = 500,
    n: Annotated[int, typer.Option(help="Held-out examples of each kind for the card.")] = 500,
) -> None:
    """Train a model of the zoo from scratch and write its directory."""
    console = Console()
    torch.set_num_threads(1)
    losses: list[float] = []
    training = None
    for training, loss in train(recipe_for(name), out, resume=resume):
        losses.append(loss)
        if training.step % report_every == 0:
            console.print(_report(training, losses), highlight=False, soft_wrap=True)
            losses.clear()
    if training is None:
        # resumed at its end: nothing was left to do
        training = Training(recipe_for(name))
        training.restore(out)
    card = export(training, name, out / name, n=n)
    for score in card.scores:
        console.print(f"{score.hops} hops, {score.distractors}: {score.accuracy:.3f}", highlight=False)
    console.print(f"written: {out / name}", highlight=False)


def _report(training: Training, losses: list[float]) -> str:
    scores = score_kinds(training.network, training.tokenizer, EVALUATED, n=50, seed=VALIDATION_SEED)
    accuracies = " ".join(f"{score.distractors[:3]}{score.hops} {score.accuracy:.2f}" for score in scores)
    mean = sum(losses) / len(losses)
    losses_now = f"loss {mean:.4f} recall {training.recall_loss:.3f}"
    return f"step {training.step} {losses_now} cpu {training.cpu_seconds:.0f} s  {accuracies}"


def main() -> None:
    """Runs the command; a mistake of the user's is one line and exit code 2."""
    try:
        typer.run(train_zoo)
    except AttnprobeError as error:
        Console(stderr=True).print(str(error), highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

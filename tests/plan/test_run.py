"""What a run gives back is addressed by absolute positions."""

import pytest
import torch

from attnprobe.errors import SpecError
from attnprobe.plan import Firing, Point, Run, Tokens

TOKENS = Tokens.of([[5, 6, 7], [8, 9]])
# the entry at row r, column c and word w is 100 r + 10 c + w
LOGITS = torch.tensor(
    [[[100.0 * row + 10 * column + word for word in range(2)] for column in range(3)] for row in (0, 1)]
)


def run_of(kept: int) -> Run:
    pattern = torch.arange(18.0).view(2, 1, 3, 3)
    reads = {(Point.RESID, 0): LOGITS, (Point.PATTERN, 1): pattern}
    return Run(tokens=TOKENS, logits=LOGITS[:, -kept:], reads=reads, fired=())


def test_logits_are_found_by_absolute_position() -> None:
    assert run_of(3).logits_at(0, [0, 2])[:, 0].tolist() == [0, 20]
    assert run_of(3).logits_at(1, [0])[:, 0].tolist() == [110]
    assert run_of(2).logits_at(1, [0, 1])[:, 0].tolist() == [110, 120]
    assert run_of(2).logits_at(0, []).shape == (0, 2)


@pytest.mark.parametrize(("kept", "row", "position"), [(2, 0, 0), (1, 1, 0), (3, 0, 3), (3, 1, 2), (3, 0, -1)])
def test_positions_that_were_not_unembedded_or_do_not_exist_are_refused(kept: int, row: int, position: int) -> None:
    with pytest.raises(SpecError, match="raise `last_logits`"):
        run_of(kept).logits_at(row, [position])


def test_reads_come_without_padding() -> None:
    run = run_of(3)
    assert run.read(Point.RESID, 0, 1)[:, 0].tolist() == [110, 120]
    assert run.read(Point.PATTERN, 1, 1)[0].tolist() == [[13, 14], [16, 17]]


def test_what_was_not_read_says_how_to_read_it() -> None:
    with pytest.raises(SpecError, match=r"z of layer 2 was not read; add Read\(point=Z, layer=2\) to the plan"):
        run_of(3).read(Point.Z, 2, 0)


def test_counts_add_up() -> None:
    assert Firing(edited=1, unreachable=2, idle_rows=3) + Firing(edited=10) == Firing(
        edited=11, unreachable=2, idle_rows=3
    )

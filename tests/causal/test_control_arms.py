"""What the mass control looks at in passing is the clean pattern at the edited rows."""

import numpy as np
import pytest

from attnprobe.causal.control_arms import looks_for_mass
from attnprobe.plan import Plan, Point, Read, Tokens
from tests.models.agreement import SEQUENCES, TOLERANCE
from tests.models.loaders import CASES, Case, open_case


@pytest.mark.parametrize("case", [case for case in CASES if case.family in ("gpt2", "gemma2")], ids=str)
def test_rows_taken_in_passing_are_those_of_the_pattern(case: Case) -> None:
    model, _ = open_case(case)
    tokens = Tokens.of([SEQUENCES[0]])
    streamed = model.forward(tokens, Plan(streams=looks_for_mass((8, 3, 10), (0, 2)))).streamed
    read = model.forward(tokens, Plan(reads=tuple(Read(point=Point.PATTERN, layer=layer) for layer in (0, 2))))
    for layer, rows in zip((0, 2), streamed, strict=True):
        expected = read.read(Point.PATTERN, layer, 0)[:, [3, 8, 10]].numpy()
        # layers below take another way to the same numbers
        np.testing.assert_allclose(rows, expected, atol=TOLERANCE, rtol=0)

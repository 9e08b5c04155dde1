"""What the mass control looks at in passing is the clean pattern at the edited rows."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from attnprobe.causal.control_arms import looks_for_mass
from attnprobe.plan import Plan, Point, Read, Tokens
from tests.models.agreement import SEQUENCES
from tests.models.loaders import CASES, Case, open_case


@pytest.mark.parametrize("case", [case for case in CASES if case.family in ("gpt2", "gemma2")], ids=str)
def test_rows_taken_in_passing_are_those_of_the_pattern(case: Case) -> None:
    model, _ = open_case(case)
    subject = cast(Any, SimpleNamespace(rows={8: (1, 2), 3: (0,), 10: (4,)}))
    tokens = Tokens.of([SEQUENCES[0]])
    streamed = model.forward(tokens, Plan(streams=looks_for_mass(subject, (0, 2)))).streamed
    read = model.forward(tokens, Plan(reads=tuple(Read(point=Point.PATTERN, layer=layer) for layer in (0, 2))))
    for layer, rows in zip((0, 2), streamed, strict=True):
        expected = read.read(Point.PATTERN, layer, 0)[:, [3, 8, 10]].numpy()
        np.testing.assert_allclose(rows, expected, atol=1e-6, rtol=0)

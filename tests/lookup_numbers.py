"""What the lookup circuits give, by formula. In: what the readers bring to the question. Out: log-probabilities.

The steps are those of `tests/models/test_lookup_circuits.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt

from tests.circuits_lookup import AMPLITUDE, D_HALF, EPS, LOUDER, TOO_EARLY, UNEMBEDDING

N_KIND = 5
"""Words of each kind: grammar leaves these to choose from."""
NOTHING = -log(N_KIND)
"""Log-probability of any word of the right kind where nothing tells which."""


def norm_factor(n: float) -> float:
    """What a layer norm multiplies a stream with |u|^2 = n by."""
    return 1 / sqrt(n / D_HALF + EPS)


S0 = norm_factor(2 * AMPLITUDE**2)
N1 = 2 * AMPLITUDE**2 + 2 * (S0 * AMPLITUDE) ** 2
"""|u|^2 after layer 0: token, position, and the two words before."""
S1 = norm_factor(N1)
AS_TOKEN, AS_BEFORE = S1 * AMPLITUDE, S1 * S0 * AMPLITUDE
"""What a reader brings of a word that stands at the key, and of one that a head of layer 0 noted there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Amounts in OUT at the question's place, by word."""

    firsts: Mapping[str, float]
    seconds: Mapping[str, float]

    @property
    def squares(self) -> float:
        """What they add to |u|^2."""
        return sum(amount**2 for amount in (*self.firsts.values(), *self.seconds.values()))


def from_source(first: str, second: str, *, heads: int = 1) -> Brought:
    """All attention on X of a fact, of so many readers."""
    return Brought(firsts={first: heads * AS_TOKEN}, seconds={second: heads * AS_BEFORE})


def forced(fact: tuple[str, str], instead: tuple[str, str], mass: float) -> Brought:
    """So much of the attention on a fact without its X, which all falls on its full stop; the rest on X of another."""
    rest = 1 - mass
    return Brought(
        firsts={fact[0]: LOUDER * mass * AS_BEFORE, instead[0]: rest * AS_TOKEN},
        seconds={fact[1]: LOUDER * mass * AS_BEFORE, instead[1]: rest * AS_BEFORE},
    )


def first_log_prob(word: str, brought: Brought) -> float:
    """Of a word at the question: step 3."""
    return _log_prob(word, brought.firsts, norm_factor(N1 + brought.squares))


CUT_OFF = -log(N_KIND + exp(TOO_EARLY * S1 * S0 * AMPLITUDE))
"""Log-probability of Y where the end comes first: step 10."""


def second_log_prob(word: str, brought: Brought) -> float:
    """Of a word at the full stop after X: step 4."""
    carried = norm_factor(N1 + brought.squares)
    amounts = {each: carried * amount for each, amount in brought.seconds.items()}
    return _log_prob(word, amounts, norm_factor(N1 + sum(amount**2 for amount in amounts.values())))


def by_heart_log_prob(word: str, known: str) -> float:
    """Of a word where the MLP says `known`: step 7."""
    return _log_prob(word, {known: AS_TOKEN}, norm_factor(N1 + AS_TOKEN**2))


def _log_prob(word: str, amounts: Mapping[str, float], factor: float) -> float:
    logits = {each: UNEMBEDDING * factor * amount for each, amount in amounts.items()}
    others = sum(map(exp, logits.values())) + N_KIND - len(logits)
    return logits.get(word, 0.0) - log(others)

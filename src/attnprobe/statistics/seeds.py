"""Seeds that depend on what is drawn and on nothing else.

In: the run's seed and the names of the example, the head and the purpose. Out: an integer, or a generator seeded with
it. A draw for one example and head is therefore the same whichever other heads are looked at, in whatever batches.
"""

import hashlib

import numpy as np

_SEED_BYTES = 8


def derived_seed(seed: int, example_id: str, head_label: str, purpose: str) -> int:
    """Derive the seed of one draw from what the draw is for.

    Args:
        seed: the run's seed, any integer.
        example_id: `Example.id`; "" where the draw is for all examples at once.
        head_label: for example "L5H3"; "" where the draw is shared by all heads.
        purpose: which draw, for example "control/random_keys/0"; two draws of one example and head differ in it.

    Returns:
        An integer in [0, 2**63), so that it fits a signed column of a results file.

    Source: ours. BLAKE2b over the fields, each preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b(digest_size=_SEED_BYTES)
    for part in (str(int(seed)), example_id, head_label, purpose):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return int.from_bytes(digest.digest(), "big") >> 1


def generator(seed: int, example_id: str, head_label: str, purpose: str) -> np.random.Generator:
    """Make the random generator of one draw; arguments as in `derived_seed`.

    Returns:
        A generator over PCG64, named here because numpy's default may change between releases.
    """
    return np.random.Generator(np.random.PCG64(derived_seed(seed, example_id, head_label, purpose)))

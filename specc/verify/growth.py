"""How many roundings a sum of float32 numbers goes through, by its number of terms.

Engines add in lanes and blocks, so a chain is far shorter than the sum (Higham 2002, Accuracy and Stability of
Numerical Algorithms, 4.2); rounding errors of either sign partly cancel, so n of them grow like the square root of n
(Higham & Mary 2019, A New Approach to Probabilistic Rounding Error Analysis). Where the terms are equal they do not.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

U = 2.0**-24
"""Unit roundoff of float32: half the distance from 1 to the next number."""

TINY = 2.0**-126
"""The smallest normal float32: below it, rounding is no longer relative."""

TF32_U = 2.0**-11
"""Unit roundoff of TF32, which keeps 10 bits of a factor's fraction."""


SAMPLE = 2**16
"""Weights that are looked at, of one layer."""


def products(terms: int, equal: int = 0) -> float:
    """Roundings in a sum of products: some 64 partial sums (lanes times accumulators), errors of both signs.

    Twice as many under the root, since each product has two factors. Of ``equal`` weights, as in an `average`.
    """
    return sqrt(2 * (1 + terms / 64)) + equal / 16


def most_equal(weights: NDArray[Any]) -> int:
    """The most weights of one size, but for zeros, in a filter; 0 where no three are equal.

    Args:
        weights: [filters, weights of a filter]. Of more than `SAMPLE`, some of each filter are looked at.
    """
    filters, terms = weights.shape
    looked_at = min(terms, max(SAMPLE // filters, 64))
    if looked_at < terms:
        weights = weights[:, np.random.default_rng(0).choice(terms, looked_at, replace=False)]
    sizes = np.sort(np.abs(weights), axis=1)
    starts = np.ones(sizes.shape, bool)
    starts[:, 1:] = sizes[:, 1:] != sizes[:, :-1]
    firsts = np.flatnonzero(starts)
    counts = np.diff(firsts, append=sizes.size)
    most = int(counts[sizes.reshape(-1)[firsts] != 0].max(initial=0))
    return most * terms // looked_at if most > 2 else 0  # of many random numbers two are equal by chance


def statistics(terms: int) -> float:
    """Roundings in a mean or a variance: equal terms are rounded alike, so the errors of a chain add up."""
    return 1 + terms / 64


def average(terms: int) -> float:
    """Roundings in an average pool: ONNX Runtime adds term by term, and is n/4 roundings off for n equal ones."""
    return 1 + terms / 16


def signed_chain(terms: int, equal: int = 0) -> float:
    """Roundings in a sum of ``terms`` products that is added one by one, in proportion to the absolute products.

    With one large term among small ones every product and addition is rounded at its size. These errors have either
    sign: their sum is in proportion to the square root of their number (Higham & Mary 2019, theorem 2.4). The factor is
    five standard deviations, had each rounding any size up to u: among millions of elements some come near half of it.

    Of ``equal`` weights, which may meet equal elements, the roundings are those of a `chain`.
    """
    return 4 * sqrt(terms + 2) + equal / 2


def chain(terms: int) -> float:
    """Roundings in a sum of ``terms`` numbers of one sign that is added one by one, and in what is made of it.

    The worst are equal ones. Of n times v, the additions with a partial sum in [2^e, 2^(e+1)) are all rounded alike,
    by u 2^e at most, and there are 2^e/v of them: u (1 + 1/4 + 1/16 …) 4^e/v together, which is n/3 roundings of the
    sum 2^(e+1). Half of n, and a few more, has room for errors of either sign in short sums.
    """
    return 4 + terms / 2

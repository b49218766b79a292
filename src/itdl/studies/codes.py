"""What chapter 03 computes without training: identities, words, known chains in real bytes, regrets and excess."""

from __future__ import annotations

import numpy as np

from itdl import coding, compressor, entropy
from itdl.checks import Array, DataError
from itdl.rng import stream
from itdl.sources import Markov
from itdl.sweep import Result
from itdl.text import ALPHABET, docstrings

__all__ = [
    "chain",
    "coin_regrets",
    "excess",
    "identities",
    "learned_chain",
    "plug_in_regret",
    "stretch",
    "temperatures",
    "words",
    "zipf_letters",
]

NAME = "cross-entropy is a code"
OFF = 1e-3  # by which the probabilities of a decoder are off


def identities(*, seed: int, index: int, n: int, letters: int) -> Result:
    """Mean length of random messages under random q, against H + KL; `error_slip` has KL the other way round."""
    rng = stream(seed, NAME, "identities", index)
    errors = []
    for _ in range(50):
        q = rng.dirichlet(np.ones(letters))
        # One letter of each kind at least, so that both KL are finite.
        x = np.concatenate([np.arange(letters), rng.choice(letters, n, p=rng.dirichlet(np.ones(letters)))])
        p = np.bincount(x, minlength=letters) / len(x)
        mean, h = coding.code_lengths(x, q).mean(), entropy.entropy(p)
        errors.append([abs(mean - h - entropy.kl(p, q)), abs(mean - h - entropy.kl(q, p))])
    return {"error": np.max(errors, axis=0)[0], "error_slip": np.max(errors, axis=0)[1]}


def words(*, seed: int, index: int, draws: int) -> Result:
    """Smallest and largest of mean word length less entropy, bits, over random distributions; Kraft sums."""
    rng = stream(seed, NAME, "words", index)
    found = []
    for _ in range(draws):
        p = rng.dirichlet(np.full(rng.integers(3, 40), 0.3)) * 0.999
        p += (1 - p.sum()) / len(p)
        lengths = coding.shannon_lengths(p)
        found.append([p @ lengths - entropy.bits(entropy.entropy(p)), coding.kraft(lengths), 2 * coding.kraft(lengths)])
    excess, kraft, shorter = np.array(found).T
    return {"least": excess.min(), "most": excess.max(), "kraft": kraft.max(), "kraft_shorter": shorter.min()}


def stretch(seed: int, index: int, length: int) -> np.ndarray:
    """A stretch of that many letters of the docstrings, at a place drawn from the seed."""
    text = docstrings().train
    start = int(stream(seed, NAME, "stretch", index).integers(len(text) - length))
    return np.asarray(text[start : start + length])


def zipf_letters(*, seed: int, index: int, length: int, exponents: list[float]) -> Result:
    """A text as ranks of letters, coded in real bytes with q ~ rank^-s.

    `bits` for each of `exponents`; `best` and `bits_best` at the exponent of least risk; `straight` and `bits_straight`
    at that of a least-squares line through log frequency over log rank.
    """
    x = stretch(seed, index, length)
    counts = np.bincount(x, minlength=len(ALPHABET))
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    ranks = np.argsort(order)[np.searchsorted(np.sort(order), x)]
    logs = np.log(np.arange(1, len(order) + 1))
    best = 1 / coding.best_temperature(np.tile(-logs, (len(x), 1)), ranks)
    straight = -float(np.polyfit(logs, np.log(counts[order]), 1)[0])
    bits = [_zipf_bits(ranks, logs, s) for s in (*exponents, best, straight)]
    return {
        "bits": np.array(bits[:-2]),
        "best": best,
        "bits_best": bits[-2],
        "straight": straight,
        "bits_straight": bits[-1],
    }


def _zipf_bits(ranks: np.ndarray, logs: Array, exponent: float) -> float:
    q = coding.tempered(-logs, 1 / exponent)
    return float(compressor.payload_bits(compressor.encode(ranks, np.tile(q, (len(ranks), 1)))))


def chain(*, seed: int, index: int, n: int, letters: int, mixed: float) -> Result:
    """A stationary chain of known entropy rate coded with its own probabilities and with wrong ones, in bits.

    `overhead` of the bytes over the ideal length, `overhead_words` of words of whole bits; `returned` and
    `returned_off`: 1 where the message comes back, decoded with the probabilities of the encoder or with others; `paid`
    over n KL(p||q) and `paid_slip` over n KL(q||p), of what a model costs more that has a share `mixed` of the uniform
    distribution in it; `bits` and `bits_wrong` per letter; entropy `rate` and `kl`.
    """
    rng = stream(seed, NAME, "chain", index)
    rows = rng.gamma(0.3, size=(letters, letters)) + 1e-6
    source = Markov(rows / rows.sum(axis=1, keepdims=True))
    path = source.sample(rng, n + 1)[0]
    x, p = path[1:], source.conditional(path[:-1])
    wrong = (1 - mixed) * source.transition + mixed / letters
    data, extra = compressor.encode(x, p), compressor.encode(x, wrong[path[:-1]])
    ideal = entropy.bits(coding.code_lengths(x, p).sum())
    whole = coding.shannon_lengths(p)[np.arange(n), x].sum()
    paid = compressor.payload_bits(extra) - compressor.payload_bits(data)
    kl, slip = source.excess(wrong), Markov(wrong).excess(source.transition)
    return {
        "overhead": float(compressor.payload_bits(data) - ideal),
        "overhead_words": float(whole - ideal),
        "returned": _returned(data, p, x),
        "returned_off": _returned(data, (1 - OFF) * p + OFF / letters, x),
        "paid": float(paid / (n * entropy.bits(kl))),
        "paid_slip": float(paid / (n * entropy.bits(slip))),
        "bits": compressor.payload_bits(data) / n,
        "bits_wrong": compressor.payload_bits(extra) / n,
        "rate": float(entropy.bits(source.entropy())),
        "kl": float(entropy.bits(kl)),
    }


def _returned(data: bytes, rows: Array, x: np.ndarray) -> float:
    try:
        return float((compressor.decode(data, rows) == x).all())
    except DataError:  # the decoder gives up: a result here, not a failure
        return 0.0


def coin_regrets(n: int, add: float) -> Array:
    """Regret in bits of adding `add` to both counts, for 0 to n ones among n letters, (n + 1,)."""
    ones = np.arange(n + 1)
    return entropy.bits(coding.regret(np.stack([ones, n - ones], axis=-1), add))


def plug_in_regret(n: int, floor: float) -> tuple[float, float]:
    """Worst regret in bits over messages 0..01..1 of n letters: frequencies so far floored at `floor`, and add-1/2.

    Before the first letter the frequencies are even.
    """
    worst = []
    for zeros in range(n + 1):
        x = np.r_[np.zeros(zeros, dtype=int), np.ones(n - zeros, dtype=int)]
        ones = np.concatenate([[0], np.cumsum(x)[:-1]])
        frequency = np.append(0.5, ones[1:] / np.arange(1, n))
        q = floor + (1 - 2 * floor) * frequency
        plugged = -np.log(np.where(x, q, 1 - q)).sum()
        best, half = coding.hindsight([zeros, n - zeros]), coding.mixture_length([zeros, n - zeros], 0.5)
        worst.append([plugged - best, half - best])
    largest = entropy.bits(np.max(worst, axis=0))
    return float(largest[0]), float(largest[1])


def excess(*, seed: int, index: int, n: int, letters: int, repeats: int) -> Result:
    """Mean KL(p || q) times 2n/(letters - 1) over fits to n letters, one half added; `half` saw n/2 of them."""
    rng = stream(seed, NAME, "excess", index)
    p = rng.dirichlet(np.full(letters, 4.0))
    found = []
    for size in (n, n // 2):
        q = (rng.multinomial(size, p, size=repeats) + 0.5) / (size + letters / 2)
        found.append(float(entropy.kl(np.broadcast_to(p, q.shape), q).mean()) * 2 * n / (letters - 1))
    return {"excess": found[0], "half": found[1]}


def learned_chain(*, seed: int, index: int, n: int, letters: int) -> Result:
    """Regret of counting per context on a chain, over 1/2 log(n/V) for each of V(V - 1) parameters."""
    rng = stream(seed, NAME, "learned chain", letters, index)
    rows = rng.gamma(0.3, size=(letters, letters)) + 0.05
    x = Markov(rows / rows.sum(axis=1, keepdims=True)).sample(rng, n)[0]
    counts = np.zeros((letters, letters))
    np.add.at(counts, (np.r_[0, x[:-1]], x), 1)
    regret = coding.online_lengths(x, letters, order=1).sum() - coding.hindsight(counts).sum()
    return {"ratio": float(regret / (0.5 * letters * (letters - 1) * np.log(n / letters)))}


def temperatures(*, seed: int, index: int, letters: int, grid: list[float]) -> Result:
    """Expected extra length at each temperature for letters from softmax(z), against KL; `error_slip` the other way."""
    z = stream(seed, NAME, "temperatures", index).standard_normal(letters) * 2
    p = coding.tempered(z, 1.0)
    q = np.array([coding.tempered(z, t) for t in grid])
    extra = entropy.cross_entropy(p, q) - entropy.entropy(p)
    backwards = np.array([entropy.kl(row, p) for row in q])
    return {
        "error": float(np.abs(extra - entropy.kl(p, q)).max()),
        "error_slip": float(np.abs(extra - backwards).max()),
    }

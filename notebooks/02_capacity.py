# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Capacity

*How many bits fit into a network?*

A disk is sold by the bits it can hold. A network can be asked the same question. Give it examples whose labels are thrown
with a coin. There is nothing to understand, so every label that it gets right has been stored in its **weights**, the
numbers that training sets. The most that it can store is its **capacity**.

For one neuron the answer has been known exactly since {cite:t}`cover1965geometrical`: two labels for each weight. For
networks there are theorems about what some choice of weights could do ({cite:t}`zhang2017understanding`), and
measurements of what training does do, up to {cite:t}`morris2025memorize` with about three and a half bits for each
parameter of a language model. This page counts small cases by hand, repeats what can be repeated at its size, and then
asks what capacity says about learning, which is less than one might hope.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
units = [10, 20, 50]  # weights K of the single neurons [2..200]
repeats = 400  # random labellings tried for each K and each number of points [20..5000]
hidden = [10, 16, 24]  # hidden units of the networks on random labels [2..1024]
ratios = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0]  # random labels per weight; one of them 1 [0.1..10]
repetitions = 5  # networks of each kind, each with its own points, labels and start [2..50]
steps = 2000  # of training on random labels [20..1000000]
arm = 12  # hidden units of the networks with weight decay and dropout [2..1024]
decays = [0.0, 0.3, 1.0, 5.0]  # weight decay, growing from none, one of them 1 [0..20]
rates = [0.0, 0.1, 0.5]  # share of hidden units dropped, growing from none, one of them 0.5 [0..0.9]
widths = [8, 12]  # of the transformers, the narrower first [2..512]
models = 2  # transformers of each kind [2..50]
string_steps = 1500  # of training on random strings [20..1000000]
images = 300  # digits in the training set [20..1500]
over = 100  # hidden units of the networks on digits [2..4096]
digit_steps = 400  # of training on digits [20..100000]
few = 200  # digits in the training set of the random features [20..1000]
n_seeds = 5  # repetitions of the random features [2..50]

# %% tags=["hide-input"]
from itertools import product

import numpy as np

from itdl import capacity, claims, gaussian, plotting, rng, sweep
from itdl.entropy import bits
from itdl.show import show, table
from itdl.studies import memorised_labels as labels
from itdl.studies import memorised_strings as strings
from itdl.studies import overparametrised as digits

plotting.use_style()
ledger = claims.Ledger("02")
coin = np.log(2)  # entropy of a fair coin, nats

# %% [markdown]
r"""
## The idea in one equation

The **entropy** $H$ of a label is how many nats or bits it takes to tell someone which one it is, before anything is
known: one bit for a fair coin. The **cross-entropy** of a model is what it takes on average once the listener has the
model's predictions. What the labels no longer cost is what the model has stored:

$$
\text{stored} = n\,H - \sum_{i=1}^n -\log p(y_i\,|\,x_i).
$$ (eq-02-stored)

Ten coins, of which the model is certain about eight and right, and knows nothing of the other two:
"""

# %%
costs = [0.0] * 8 + [coin] * 2
show("bits stored of ten", bits(capacity.memorised(10, np.mean(costs), coin)), digits=2)

# %% [markdown]
r"""
A model that is certain and wrong has stored less than nothing. Two things follow. The measure counts what is right, not
what is in the weights somehow; and the capacity is its largest value over $n$, for far too many labels can confuse the
training so much that less is stored than of fewer.

## The smallest case: one neuron, four points

A **threshold unit** says yes where $w \cdot x > 0$ and no elsewhere. With a constant as third input it draws a line in
the plane, and has $K = 3$ weights. Four points have $2^4 = 16$ labellings. Try all of them:
"""

# %%
square = np.array([[1, -1, -1], [1, -1, 1], [1, 1, -1], [1, 1, 1]], dtype=float)
tried = {y: capacity.separate(square, y) for y in product([-1.0, 1.0], repeat=4)}
show("labellings that a line can draw", sum(found.separable for found in tried.values()), digits=2)
show("the others", [sum(y[i] == y[3 - i] for i in range(4)) for y in tried if not tried[y].separable], digits=2)

# %% [markdown]
r"""
Two are missing, and in both each point has the label of the point opposite: the famous exclusive or. How does one *know*
that no line exists? Each answer comes with a proof. If a line exists it is shown. If not, there are weights
$\lambda_i \ge 0$, not all zero, with $\sum_i \lambda_i y_i x_i = 0$; then no $w$ can have all $y_i\,w \cdot x_i > 0$, since
their weighted sum is zero (Gordan's theorem):
"""

# %%
xor = capacity.separate(square, [1, -1, -1, 1])
show("witness", xor.witness)
show("weighted sum of the points", abs(np.round(xor.witness * [1, -1, -1, 1] @ square, 12)))

# %% [markdown]
r"""
## Cover's count

How many labellings are there in general? Add a point to $N - 1$ others. A labelling of the old points splits in two where
its separating plane can be turned through the new point without touching the others, and these are the labellings of
the old points in one dimension less:

$$
T(N, K) = T(N-1, K) + T(N-1, K-1) = 2 \sum_{k<K} \binom{N-1}{k},
$$ (eq-02-cover)

as long as no $K$ points lie in one hyperplane with the origin (**general position**), which random points never do. Divided by
$2^N$ this is the chance of fewer than $K$ heads in $N - 1$ throws of a coin. So at $N = 2K$ it is exactly one half,
whatever $K$.
"""

# %%
cases = [(4, 2), (4, 3), (5, 3), (6, 3), (6, 4)]
counted = np.round(np.exp([float(capacity.log_dichotomies(*case)) for case in cases])).astype(int)
sets = [rng.stream(seed, "capacity", "enumerated", *case).standard_normal(case) for case in cases]
found = [labels.every_labelling(x) for x in sets]
lined = [labels.every_labelling(np.vstack([x[:-2], [2 * x[0], -3 * x[0]]])) for x in sets]
table({"N, K": [str(case) for case in cases], "by trying": found, "T(N, K)": counted})
ledger.check("cap-cover-01", np.abs(counted - found).max(), control=np.abs(counted - lined).max())

# %% [markdown]
r"""
For more points trying all is hopeless, but one can throw the coins, ask for a separating plane, and count how often there
is one:
"""

# %%
crowd = [1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.8]  # points per weight
thrown = sweep.grid(labels.perceptrons, {"weights": units}, seed=seed, index=0, ratios=crowd, repeats=repeats)
exact = capacity.separable_fraction(thrown["points"], np.array(units)[:, None])
shares = {f"K = {k}": share for k, share in zip(units, thrown["share"], strict=True)}
table({"N/K": crowd, **shares, "exact, last K": exact[-1]}, digits=2)

# %% tags=["hide-input"]
more = capacity.separable_fraction(thrown["points"], np.array(units)[:, None] + 1)
errors = [np.abs(thrown["share"] - p) / np.sqrt(np.maximum(p * (1 - p), 1 / repeats) / repeats) for p in (exact, more)]
ledger.check("cap-cover-02", errors[0].max(), control=errors[1].max())
chance = {n: float(capacity.separable_fraction(n, 1000)) for n in (1800, 2000, 2002, 2200)}
small = [float(capacity.separable_fraction(n, 10)) for n in (18, 22)]
ledger.check("cap-cover-03", chance[2000], limit=chance[1800], control=small[0])
ledger.check("cap-cover-04", chance[2002], limit=chance[2200], control=small[1])
many = np.unique(np.geomspace(30, 3000, 12).round())
ends = np.array([labels.crossings(k, [0.9, 0.1]) for k in many])
slopes = [np.polyfit(np.log(many), np.log(width), 1)[0] for width in (np.diff(ends)[:, 0] / many, np.diff(ends)[:, 0])]
ledger.check("cap-cover-05", slopes[0], control=slopes[1])

# %% mystnb={"figure": {"caption": "Share of random labellings that a threshold unit of K weights realises, against points per weight. Line: Cover's count; points: measured, with one standard error, where K was tried.", "name": "fig-02-cover"}, "image": {"alt": "Frames of one panel, one for each K from 1 to 1000. A curve falls from one to zero as points per weight grow from one to three and passes one half at two, always. For K = 1 it is a slow slope, for K = 1000 almost a step. Where points are drawn they lie on the curve."}} tags=["hide-input"]
shown = sorted({1, 2, 5, 100, 300, 1000, *units})
errors = np.sqrt(thrown["share"] * (1 - thrown["share"]) / repeats)
measured = {k: (crowd, thrown["share"][i], errors[i]) for i, k in enumerate(units)}


def frame(k):
    fig, (ax,) = plotting.panels([f"K = {k}"], height=2.9, xlabel="points per weight N/K", ylabel="share realised")
    n = np.arange(k, 3 * k + 1)
    ax.plot(n / k, capacity.separable_fraction(n, k), ".-" if k < 20 else "-")
    ax.errorbar(*measured.get(k, ([], [], [])), fmt="o", color="black")
    return fig


seen = "Share realised against points per weight, {}: from one to zero, through one half at two."
plotting.frames(map(frame, shown), [f"K = {k}" for k in shown], name="Weights", alt=seen.format)

# %% [markdown]
r"""
One half at two points per weight, always ({claim}`cap-cover-02`); what changes with $K$ is how sharp the fall is. Its width
shrinks like $1/\sqrt K$ ({claim}`cap-cover-05`). For many weights almost every set of slightly fewer than $2K$ labels can be
stored and almost none of slightly more. In this sense, in the limit, the capacity of a neuron is **two bits per weight**
({cite:t}`mackay2003information`); the sentence that up to $N = 2K$ labels are stored almost certainly is not true *at*
$2K$, where it is a coin toss ({claim}`cap-cover-03`, {claim}`cap-cover-04`).

## What some choice of weights can do

A network with one hidden layer can be *built* to go through anything ({cite:t}`zhang2017understanding`). Project the points
on a random direction $a$, sort them, and put a ReLU's knot $b_j$ before each: unit $j$ sees the points from the $j$-th on.
The matrix $\max(a \cdot x_i - b_j, 0)$ is triangular with a positive diagonal, so that output weights exist for any labels:

$$
f(x) = \sum_{j=1}^n w_j\,\max(a \cdot x - b_j, 0), \qquad n + n + d \text{ weights}.
$$ (eq-02-build)
"""

# %% tags=["nbval-ignore-output"]
r = rng.stream(seed, "capacity", "construction")
x, y, a = r.standard_normal((200, 10)), r.standard_normal(200), r.standard_normal(10)
built, coarse = capacity.interpolate(x, y, a), capacity.interpolate(x, y, a, single=True)
misses = [float(np.abs(f(x) - y).max()) for f in (built, coarse)]
sizes = np.log10([built.condition, np.abs(built.weights).max()])
show("weights", built.count)
show("decades of: condition number, largest output weight", sizes, digits=1)
ledger.check("cap-build-01", misses[0], control=misses[1])

# %% [markdown]
r"""
In double precision it works ({claim}`cap-build-01`, largest error {measured}`cap-build-01`), in single precision it does
not. The weights cancel each other to many digits: what this network stores, it stores in the *digits* of real numbers. As a
statement about capacity it says little, since a real number has room for any number of bits. Better ask what training
finds.

## What training finds: networks on random labels

Points are random, labels are coins, networks have one hidden layer of ReLUs and as many labels as stated for each weight. All
points are used in every step of AdamW. What is stored by {eq}`eq-02-stored`, in bits for each weight:
"""

# %%
coins = dict(seed=seed, repetitions=repetitions, inputs=16, rate=0.02)
wide = sweep.grid(labels.networks, {"hidden": hidden, "ratio": ratios}, steps=steps, **coins)
offered = wide["points"][..., None]
per_weight = {
    k: bits(capacity.memorised(offered, wide[k], coin)) / wide["weights"][..., None] for k in ("loss", "other")
}
means = {k: values.mean(axis=-1) for k, values in per_weight.items()}
size, peak = wide["weights"][:, 0], means["loss"].max(axis=1)

# %% tags=["hide-input", "nbval-ignore-output"]
rows = {f"N = {n:.0f}": mean for n, mean in zip(size, means["loss"], strict=True)}
table({"labels per weight": ratios, **rows}, digits=2)
one = ratios.index(1.0)
ledger.check("cap-label-01", means["loss"][:, one], control=means["other"][:, one])
ledger.check("cap-label-02", peak, control=means["other"].max(axis=1))
growth = [np.polyfit(np.log(size), np.log(stored), 1)[0] for stored in (peak * size, peak)]
ledger.check("cap-label-03", growth[0], control=growth[1])
pace = sweep.grid(labels.networks, {"steps": [steps, 4 * steps]}, hidden=arm, ratio=3.0, **coins)
slow = sweep.grid(labels.networks, {"steps": [steps // 40, steps // 10]}, hidden=arm, ratio=1.0, **coins)
held = [1 - bits(run["loss"].mean(axis=-1)) for run in (pace, slow)]
ledger.check("cap-label-04", held[0][1] / held[0][0], control=held[1][1] / held[1][0])

# %% mystnb={"figure": {"caption": "Bits stored for each weight against random labels offered for each weight, networks of three widths (points: mean, bars: range over repetitions). Dashed: all labels stored; dotted: the two bits of a threshold unit.", "name": "fig-02-labels"}, "image": {"alt": "Stored bits per weight against labels per weight. Up to two labels per weight the points of all three widths lie on the dashed diagonal, within a tenth. Beyond, they fall below the dotted line at two, with long bars, to about one and a half and less at four labels per weight."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="labels per weight n/N", ylabel="bits stored per weight", ylim=(0, 3))
for i, (colour, marker) in enumerate(zip(plotting.colours(len(hidden)), plotting.MARKERS, strict=False)):
    spread = np.array(ratios) * (1 + 0.015 * (i - 1))
    plotting.intervals(ax, spread, per_weight["loss"][i], label=f"N = {size[i]:.0f}", color=colour, marker=marker)
ax.plot([0, 3], [0, 3], "k--", label="all of them")
ax.axhline(2, color="grey", linestyle=":", label="a threshold unit")
_ = ax.legend(loc="upper left")

# %% [markdown]
r"""
Up to a label for each weight everything is stored ({claim}`cap-label-01`), the most is about two bits
({claim}`cap-label-02`), and it grows in proportion to the weights ({claim}`cap-label-03`, slope {measured}`cap-label-03`).
Offered more than that, the networks store *less*: too many labels that cannot all be right get in each other's way. It
does not help to train longer ({claim}`cap-label-04`); four times the steps store {measured}`cap-label-04` times as much. So
the two bits are what training makes of the network, and bound from below what the network could hold. It is tempting to
see the two of the single neuron in them, but nothing here says that they are the same two.

## What training finds: transformers on random strings

{cite:t}`morris2025memorize` measure language models in the same way: strings of random symbols, so that nothing generalises.
Ours have one layer, read strings of eight symbols out of thirty-two, five bits each, and begin all of them with the same
token. That has a price. A model that knows all $n$ strings still does not know which one comes, and pays $\log n$ for
each. So the most that {eq}`eq-02-stored` can find is

$$
n\,T \log V - n \log n.
$$ (eq-02-ceiling)
"""

# %% tags=["nbval-ignore-output"]
loads = [1, 2, 4, 6]  # bits offered per parameter
parameters = [strings.parameters(width) for width in widths]
per_string = strings.LENGTH * np.log2(strings.VOCABULARY)
counts = [[int(load * n / per_string) for load in loads] for n in parameters]
common = dict(seed=seed, models=models, layers=1, steps=string_steps, rate=0.01)
points = [dict(width=w, strings=n, **common) for w, row in zip(widths, counts, strict=True) for n in row]
runs = [run["loss"] for run in sweep.run(strings.transformers, points)]
losses = np.reshape(runs, (len(widths), len(loads), models))

# %% tags=["hide-input", "nbval-ignore-output"]
n, full = np.array(counts), np.array(parameters)
ceiling = bits(capacity.string_ceiling(n, strings.LENGTH, strings.VOCABULARY))
kept = bits(capacity.memorised(n[..., None] * strings.LENGTH, losses, np.log(strings.VOCABULARY))).mean(axis=-1)
most = kept.max(axis=1) / full
table({"bits offered per parameter": loads, **{f"N = {p}": k / p for p, k in zip(full, kept, strict=True)}}, digits=2)
ledger.check("cap-string-01", kept[:, 0] / ceiling[:, 0], control=kept[:, 0] / (n[:, 0] * per_string))
ledger.check("cap-string-02", kept[:, 3] / kept[:, 2], control=kept[:, 2] / kept[:, 0])
ledger.check("cap-string-03", most[1] / most[0], control=kept[1].max() / kept[0].max())
ledger.check("cap-string-04", most, control=n[:, 2] * per_string / full)

# %% mystnb={"figure": {"caption": "Bits of random strings that transformers of two sizes store for each parameter, against bits offered (points: mean, bars: range over models). Line: the ceiling, which is the same for both but for the logarithm of n; dashed: the published 3.6.", "name": "fig-02-strings"}, "image": {"alt": "Stored against offered bits per parameter. At one and two bits offered the points lie on the ceiling, at four and six bits they stay near one and a half, far below the ceiling and less than half as high as the dashed line."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="bits offered per parameter", ylabel="bits stored per parameter", ylim=(0, 4))
spread = (
    bits(capacity.memorised(n[..., None] * strings.LENGTH, losses, np.log(strings.VOCABULARY))) / full[:, None, None]
)
for i, (colour, marker) in enumerate(zip(plotting.colours(len(widths)), plotting.MARKERS, strict=False)):
    at = n[i] * per_string / full[i]
    plotting.intervals(ax, at, spread[i], label=f"N = {full[i]}", color=colour, marker=marker)
    ax.plot(at[:3], ceiling[i, :3] / full[i], color=colour)
ax.axhline(3.6, color="black", linestyle="--", label="published, large models")
_ = ax.legend()

# %% [markdown]
r"""
Well below capacity the models reach the ceiling to a thousandth ({claim}`cap-string-01`, share {measured}`cap-string-01`);
then they fill up and there is a plateau ({claim}`cap-string-02`), at the same number of bits per parameter for both sizes
({claim}`cap-string-03`). All of that is as published. The number is not: {measured}`cap-string-04` bits instead of about
three and a half ({claim}`cap-string-04`). Nothing follows for the published models, which are hundreds of times larger and
trained far longer ({claim}`cap-string-05`); but the number is no constant of transformers either.

## Fewer bits on purpose: the exact case

Regularisation is said to limit capacity. In ridge regression the word has an exact meaning. Let $y = Xw + \text{noise}$, and
let the weights be random with as much variance as the penalty $\lambda$ implies: ridge regression is then the mean of
their posterior. What the targets tell about the weights is

$$
I(w; y) = \tfrac12 \sum_j \log\Big(1 + \frac{e_j}{\lambda}\Big), \qquad
-\frac{\mathrm dI}{\mathrm d \log \lambda} = \tfrac12 \sum_j \frac{e_j}{e_j + \lambda},
$$ (eq-02-ridge)

with $e_j$ the eigenvalues of $X^\top X$. The last sum is known as the **effective degrees of freedom**. Each of them is
worth half a nat for every e-fold of the penalty. Dropping inputs at random, **dropout**, is in linear regression a
ridge penalty too, on average: $r/(1-r) \sum_i x_{ij}^2$ on weight $j$, when a share $r$ is dropped.
"""

# %%
design = rng.stream(seed, "capacity", "ridge").standard_normal((200, 100))
penalties = np.geomspace(0.01, 1e4, 61)
exact = capacity.ridge(design, penalties)
per_weight_exact = bits(exact.information) / 100
table({"λ": penalties[::10], "bits per weight": per_weight_exact[::10], "degrees of freedom": exact.freedom[::10]})
rates_exact = np.array([0.1, 0.5, 0.9])
dropping = capacity.ridge(design, capacity.dropout_penalty(design, rates_exact))
table({"inputs dropped": rates_exact, "bits per weight": bits(dropping.information) / 100})

# %% tags=["hide-input"]
short, tried = design[:40, :20], penalties[::12]
joint = [np.block([[np.eye(20), short.T], [short, short @ short.T + p * np.eye(40)]]) for p in tried]
truth = np.array([gaussian.mutual_information(cov, 20) for cov in joint])
ours = capacity.ridge(short, tried).information
ledger.check("cap-ridge-01", np.abs(ours / truth - 1).max(), control=np.abs(ours[::-1] / truth - 1).max())
around = [capacity.ridge(design, penalties * np.exp(h)).information for h in (-1e-4, 1e-4)]
slope = (around[0] - around[1]) / 2e-4
gaps = [np.abs(2 * slope / count - 1).max() for count in (exact.freedom, 100)]
ledger.check("cap-ridge-02", gaps[0], control=gaps[1])
own, common_penalty = labels.dropping(seed=seed)
ledger.check("cap-ridge-03", own, control=common_penalty)

# %% mystnb={"figure": {"caption": "Capacity of ridge regression with 200 standard normal points and 100 weights, exactly: bits per weight (left) and effective degrees of freedom (right) against the penalty. Points: dropout of a tenth, a half and nine tenths of the inputs, at the penalty it amounts to.", "name": "fig-02-ridge"}, "image": {"alt": "Two panels with the penalty on a logarithmic axis. Bits per weight fall from seven, first in a straight line and from a penalty of a hundred on levelling towards zero. Degrees of freedom stay at a hundred up to a penalty of about ten and then fall to two. Three dropout points lie on both curves, at growing penalties."}} tags=["hide-input"]
fig, (ax, right) = plotting.panels(["capacity", "effective weights"], xlabel="penalty λ", xscale="log")
ax.set_ylabel("bits per weight")
right.set_ylabel("degrees of freedom")
at = capacity.dropout_penalty(design, rates_exact).mean(axis=1)
for panel, line, dots in (
    (ax, bits(exact.information) / 100, bits(dropping.information) / 100),
    (right, exact.freedom, dropping.freedom),
):
    panel.plot(penalties, line, label="ridge")
    panel.plot(at, dots, "o", color="black", label="dropout")
_ = ax.legend()

# %% [markdown]
r"""
## Fewer bits on purpose: networks

Does it carry over? The same networks on two random labels per weight, once with weight decay and once with hidden units
dropped in training. A network that stores less might only have been slowed down. So each of them is also trained four
times as long:
"""

# %%
two = dict(hidden=arm, ratio=2.0, **coins)
by_decay = sweep.grid(labels.networks, {"decay": decays, "steps": [steps, 4 * steps]}, **two)
by_rate = sweep.grid(labels.networks, {"dropout": rates[1:], "steps": [steps, 4 * steps]}, **two)
losses = {"weight decay": by_decay["loss"], "dropout": np.concatenate([by_decay["loss"][:1], by_rate["loss"]])}
left = {name: 1 - bits(loss) for name, loss in losses.items()}
roomy = dict(hidden=arm, ratio=0.25, steps=steps, **coins)
easy = [sweep.grid(labels.networks, axis, **roomy)["loss"] for axis in ({"decay": decays[:2]}, {"dropout": rates[:2]})]

# %% tags=["hide-input", "nbval-ignore-output"]
for name, levels in (("weight decay", decays), ("dropout", rates)):
    brief, long = left[name].mean(axis=-1).T
    table({name: levels, "bits per label": brief, "after four times the steps": long}, digits=2)
for claim, name, loss in (("cap-reg-01", "weight decay", easy[0]), ("cap-reg-02", "dropout", easy[1])):
    falls = -np.diff(left[name][:, 1].mean(axis=-1))
    ledger.check(claim, falls.min(), control=np.diff(bits(loss).mean(axis=-1))[0])
strong = [left["weight decay"][decays.index(1.0)], left["dropout"][rates.index(0.5)]]
missing = [1 - values.mean(axis=-1) for values in strong]
ledger.check("cap-reg-03", [m[1] / m[0] for m in missing], control=(1 - held[1][1]) / (1 - held[1][0]))

# %% mystnb={"figure": {"caption": "Bits stored of each random label, two labels per weight, under weight decay and dropout: after the steps of this page (filled) and after four times as many (open). Points: mean, bars: range over repetitions.", "name": "fig-02-regularised"}, "image": {"alt": "Two panels. Without regularisation nearly the whole bit of each label is stored. It falls with weight decay to a tenth at decay five, with dropout to about six tenths. Open points lie at the height of the filled ones, except for a tenth dropped, where they are clearly higher."}} tags=["hide-input"]
fig, axs = plotting.panels(list(left), sharey=True, ylabel="bits stored per label")
for ax, levels, values in zip(axs, (decays, rates), left.values(), strict=True):
    at = np.arange(len(levels))
    plotting.intervals(ax, at - 0.08, values[:, 0], label="steps of this page", color="black")
    plotting.intervals(ax, at + 0.08, values[:, 1], label="four times the steps", color="C1", markerfacecolor="white")
    ax.set_xticks(at, [f"{level:g}" for level in levels])
    ax.set_xlabel("decay" if ax is axs[0] else "share dropped")
_ = axs[0].legend()

# %% [markdown]
r"""
It does carry over. More regularisation stores less ({claim}`cap-reg-01`, {claim}`cap-reg-02`), and where it is strong that is
not slowness: after four times the steps most of what was missing is missing still ({claim}`cap-reg-03`, share of it
{measured}`cap-reg-03`). With weight decay that holds at any strength. Weak dropout is partly slow: longer training recovers
some of what it kept out, and a comparison at equal steps would have mixed both.

## More weights than examples: what capacity does not decide

So a network with more weights than labels can store them all, whatever they are. The old reading was that such a network
has no reason to generalise. {cite:t}`zhang2017understanding` put that to the test: the same network, the same images, once with
true and once with random labels. Here with handwritten digits, {cite:t}`alpaydin1998optical`, and a few thousand weights.
"""

# %%
decay, drop = [{"decay": 1.0}, {"decay": 20.0}], {"dropout": 0.5}
arms = {"none": {}, "weight decay 1": decay[0], "dropout 0.5": drop, "weight decay 20": decay[1]}
task = dict(seed=seed, repetitions=repetitions, hidden=over, n=images, steps=digit_steps, rate=0.005)
both = {"labels": ["true", "random"]}
pixel = {name: sweep.grid(digits.networks, both, **arms[name], **task) for name in arms}
wrong = {name: run["error"].mean(axis=1) for name, run in pixel.items()}
tested = {name: run["test_error"].mean(axis=1) for name, run in pixel.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
show("weights for each image", pixel["none"]["weights"][0] / images, digits=2)
columns = {
    f"{kind}, {where}": [rows[name][i] for name in arms]
    for i, kind in enumerate(("true", "random"))
    for where, rows in (("train", wrong), ("test", tested))
}
table({"share wrong, labels": list(arms), **columns}, digits=2)

# %% tags=["hide-input", "nbval-ignore-output"]
plain, heavy = pixel["none"], pixel["weight decay 20"]
ledger.check("cap-zhang-01", plain["error"][1], control=heavy["error"][1])
until = plain["fitted"].mean(axis=1)
ledger.check("cap-zhang-02", until[1] / until[0], control=heavy["fitted"][1].mean() / until[0])
helped = np.minimum(pixel["weight decay 1"]["test_error"], pixel["dropout 0.5"]["test_error"])[0]
ledger.check("cap-zhang-03", plain["test_error"][0] - helped, control=plain["test_error"][1] - helped)
under = np.concatenate([pixel[name]["error"][1] for name in ("weight decay 1", "dropout 0.5")])
ledger.check("cap-zhang-04", under, control=heavy["error"][1])

# %% [markdown]
r"""
The network fits random labels without an error ({claim}`cap-zhang-01`), in a few times the steps
({claim}`cap-zhang-02`), and yet on true labels it generalises, regularised or not
({claim}`cap-zhang-03`). Weight decay and dropout at strengths that do no harm leave it able to fit random labels
({claim}`cap-zhang-04`). Capacity is the same in both columns; what differs is the data. A bound on the test error that knows
only how much *could* be stored must allow for the random column, and is empty.

## A peak at capacity

There is a place where capacity does show. Take a fixed random layer of ReLUs and fit only the output weights, by least
squares; where several solutions are exact take the shortest. Up to as many features as examples the model cannot fit all
labels. At equality it can, in exactly one way, however wild that way is. Beyond, it can choose.
"""

# %%
features = [few * p // 100 for p in (5, 10, 25, 50, 75, 90, 95, 100, 105, 110, 125, 150, 200, 300, 500, 1000)]
random = dict(seed=seed, n=few, features=features, penalty=0.01)
peaks = sweep.grid(digits.random_features, {"index": range(n_seeds)}, **random)
squared = peaks["test_loss"].mean(axis=0)
highest = np.array(features)[peaks["test_loss"].argmax(axis=-1)] / few

# %% tags=["hide-input"]
ledger.check("cap-descent-01", highest[:, 0], control=highest[:, 1])
before = peaks["test_loss"][:, 0, np.array(features) < few].min(axis=-1)
just = peaks["test_loss"][:, 0, features.index(few * 125 // 100)]
ledger.check("cap-descent-02", peaks["test_loss"][:, 0, -1] / before, control=just / before)

# %% mystnb={"figure": {"caption": "Test error of least squares on random features of digits against the number of features, 200 training images: shortest solution and ridge regression. Line: mean, band: range over repetitions. Dashed: as many features as images.", "name": "fig-02-descent"}, "image": {"alt": "Log-log plot of squared error against number of features. The curve without a penalty first falls, rises to a sharp peak at the dashed line, more than ten times as high as anything around, and falls again, below its first minimum. The ridge curve falls steadily and has no peak."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="random features", ylabel="squared test error", xscale="log", yscale="log")
for i, name in enumerate(("shortest solution", "ridge")):
    plotting.bands(ax, np.array(features), peaks["test_loss"][:, i], label=name, marker="os"[i])
ax.axvline(few, color="black", linestyle="--", label="features = images")
_ = ax.legend()

# %% [markdown]
r"""
The error peaks where the data just fill the model ({claim}`cap-descent-01`) and then falls below its first minimum
({claim}`cap-descent-02`): {cite:t}`belkin2019reconciling` call it double descent. A penalty, which lowers capacity
smoothly, takes the peak away. So capacity says where a model must give up choice, and not how well it does on either side.

## What this page does not show

- **The published transformers.** A capacity in the millions of bits needs more computing than this book has.
- **The best training.** All numbers for networks are what one optimiser found in a stated number of steps.
- **Bits in the weights.** What is counted is labels. How many bits the *weights* need is the subject of
  {doc}`09_information_in_the_weights`.
- **Structure.** Real data are not coins; what a network knows beyond storage is not capacity.

## Exercises

1. *A line in space.* How many of the labellings of five points can a plane in three dimensions, with offset, separate?
2. *Almost certainly.* How many labels per weight can a unit with a thousand weights take, such that all but one in a hundred
   labellings fit? And with a hundred thousand?
3. *The price of order.* A model of two hundred strings pays $\log n$ for each. How many bits would be saved by sending them as
   an unordered set, and why is that about $n \log_2 e$?
4. *One bit per weight.* Which penalty leaves ridge regression one bit per weight, on the data above?
"""

# %% tags=["hide-input"]
# Exercise 1: K = 4 weights; all 32 but the two in which the points' one affine relation has the signs of its terms.
show("labellings of five points", np.exp(float(capacity.log_dichotomies(5, 4))), digits=2)

# %% tags=["hide-input"]
# Exercise 2: ever closer to two, and never there.
show("labels per weight at 99 percent", [float(labels.crossings(k, [0.99])[0]) / k for k in (1_000, 100_000)], digits=4)

# %% tags=["hide-input"]
# Exercise 3: n log n - log n! is n less a little, in nats, by Stirling's formula.
gains = [capacity.set_information(200, 8, 32), -capacity.string_ceiling(200, 8, 32)]
show("bits saved for each string, and log2 e", [bits(sum(gains)) / 200, np.log2(np.e)])

# %% tags=["hide-input"]
# Exercise 4: information falls in log λ, so it can be read off by interpolation.
found = np.exp(np.interp(-1.0, -bits(exact.information) / 100, np.log(penalties)))
show("penalty for one bit per weight", found, digits=2)
show("bits per weight there", bits(capacity.ridge(design, found).information) / 100, digits=2)

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %% tags=["nbval-ignore-output"]
ledger.close()

# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Information in transformers

*Where does a transformer look, what does it keep, and is keeping always good?*

Three sentences stand in many introductions. Attention entropy shows how a model routes information; residual
connections preserve information about the input; layer normalisation keeps signals in shape. Each can be given a
number. {cite:t}`zhai2023stabilizing` bound the entropy of attention from below and link its collapse to unstable
training. {cite:t}`dong2021attention` show that attention alone makes all tokens alike, doubly exponentially fast.
{cite:t}`behrmann2019invertible` build residual networks that lose nothing at all. And {cite:t}`olsson2022context` find
heads that look up what happened before, and see them form at one moment of training. Here their statements are decided,
partly in closed form, partly on transformers small enough to be trained while the page is built; of the papers the
abstracts are quoted. All verdicts are in the table at the end.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
models = 5  # networks of each kind; each has its own start and its own data [2..50]
steps = 800  # training steps [20..20000]
batch = 32  # sequences in a step [4..1000]
width = 32  # of the residual stream, a multiple of the two heads [8..512]
draws = 8  # random stacks and chains [3..200]
few = 48  # sequences in the training set that can be learned by heart [8..1000]
few_models = 3  # networks that learn it [2..50]
few_steps = 200  # training steps on it [20..5000]
text_models = 3  # networks that read text [2..50]
text_steps = 1000  # their training steps [20..100000]
text_width = 48  # of their residual stream, a multiple of the four heads [4..1024]

# %% tags=["hide-input"]
from itertools import product

import numpy as np

from itdl import attention, claims, plotting, sweep
from itdl import residual_information as residual
from itdl.show import show, table
from itdl.studies import attention_laws as laws
from itdl.studies import transformer_information as study
from itdl.studies import transformer_text as reader

plotting.use_style()
ledger = claims.Ledger("14")
at_random = dict(seed=seed, tokens=1024, rows=2000)

# %% [markdown]
r"""
## The idea in one equation

A transformer carries one vector per token, the **residual stream** $x$. Each head of each layer compares tokens by
logits $u_{ij}$, turns them into weights that sum to one, and adds a weighted mean of what it reads
({cite:t}`vaswani2017attention`):

$$
x_i \leftarrow x_i + \sum_j p_{ij}\, W x_j, \qquad p_{ij} = \frac{e^{u_{ij}}}{\sum_k e^{u_{ik}}}, \qquad
H_i = -\sum_j p_{ij} \log p_{ij}.
$$ (eq-14-attention)

$H_i$ is the **attention entropy**: $\log T$ when token $i$ looks at $T$ tokens alike, zero when it looks at one. The
smallest case can be done by hand. With two tokens and logits $u$ and $0$ the weights are those of a coin,
$p = 1/(1 + e^{-u})$:
"""

# %%
u = 2.0
p = 1 / (1 + np.exp(-u))
show("entropy by hand    ", -p * np.log(p) - (1 - p) * np.log(1 - p), "nats", digits=6)
show("entropy, the library", attention.entropy_of_scores([u, 0.0]), "nats", digits=6)

# %% [markdown]
r"""
## How low can the entropy be?

Softmax sees the logits only up to a common shift. Let $\sigma$ be the length of what remains, $|u - \bar u|$. Of all
logits of that length the least entropy belongs to one token that is ahead of all others, by a gap
$g = \sigma\sqrt{T/(T-1)}$ ({cite:t}`zhai2023stabilizing`):

$$
H \;\ge\; \log\big(1 + (T-1)e^{-g}\big) + \frac{g\,(T-1)e^{-g}}{1 + (T-1)e^{-g}} .
$$ (eq-14-bound)

Thousands of random rows stay above it, and a search that is told nothing ends exactly on it.
"""

# %%
lengths = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
rows = sweep.grid(laws.random_rows, {"tokens": [4, 16, 64, 256], "sigma": lengths}, seed=seed, index=0, rows=2000)
low = sweep.grid(laws.smallest_entropy, {"tokens": [4, 16], "sigma": lengths[:5]}, seed=seed, starts=16)
ledger.check("tf-bound-02", np.abs(low["gap"]).max(), control=low["two_ahead"].min())

# %% mystnb={"figure": {"caption": "Attention entropy against the length of the logits, in units of log T. Points: mean over random directions of the logits; lines: the lower bound, which one token ahead of all others attains.", "name": "fig-14-bound"}, "image": {"alt": "Four pairs of points and lines over the length of the logits on a logarithmic axis, for 4, 16, 64 and 256 tokens. All start near one. The lines fall to zero between length 4 and 16, the later the more tokens; the points lie above their lines and fall much later, and those for 256 tokens are still at 0.9 at length 16."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="length of the logits", ylabel="entropy / log T", xscale="log", height=3.2)
fine = np.geomspace(0.5, 16, 200)
for i, (tokens, colour) in enumerate(zip([4, 16, 64, 256], plotting.colours(4), strict=True)):
    ax.plot(fine, attention.entropy_bound(fine, tokens) / np.log(tokens), color=colour)
    ax.plot(lengths, rows["mean"][i] / np.log(tokens), plotting.MARKERS[i], color=colour, label=f"T = {tokens}")
_ = ax.legend(loc="lower left")

# %% [markdown]
r"""
### Random logits

What is the entropy if nothing has been learned? For $T$ independent logits of variance $\sigma^2$ the leading order is
$\log T - \sigma^2/2$, and there is an exact answer as well. Let $F(\sigma)$ be the mean of
$\log \sum_i e^{\sigma g_i}$; then the mean entropy is $F - \sigma F'$. And if a Gumbel variable is added to that
logarithm, the sum has the distribution $\varphi(v)^T$ with $\varphi(v) = \operatorname{E} \exp(-e^{\sigma g - v})$, so
that $F$ is a one-dimensional integral, for any number of tokens (as we derive it, {claim}`tf-random-02`).
{cite:t}`giorlandino2025two` call it by its name in physics, the random energy model: with $\sigma = b\sqrt{\log T}$ there
is a transition at $b = \sqrt 2$, beyond which a few tokens take everything.
"""

# %%
sigmas = [0.25, 0.5, 1.0, 1.5, 2.0]
drawn = sweep.grid(laws.random_logits, {"sigma": sigmas}, **at_random)
off = drawn["limit"] - drawn["exact"]
table({"σ": sigmas, "exact": drawn["exact"], "sampled": drawn["mean"], "log T - σ²/2": drawn["limit"]}, digits=5)
z = np.abs(drawn["mean"] - drawn["exact"]) / drawn["error"]
z_limit = np.abs(drawn["mean"] - drawn["limit"])[-1] / drawn["error"][-1]
ledger.check("tf-random-02", z, control=z_limit)

# %% tags=["hide-input"]
errors = np.abs(off)
halved = np.abs(off - np.array(sigmas) ** 2 / 2)
ledger.check("tf-random-01", errors[:4].max(), limit=errors[:3].max(), control=halved[:4].max())
b, sizes = np.array([1.0, 1.2, 1.6, 2.0]), [256, 512, 1e24]
exact = np.array([attention.random_entropy(b * np.log(n) ** 0.5, n) / np.log(n) for n in sizes])
gaps = np.abs(exact - np.maximum(1 - b**2 / 2, 0))
ledger.check("tf-random-03", (gaps[2] / gaps[0]).max(), control=(gaps[1] / gaps[0]).max())

# %% mystnb={"figure": {"caption": "Mean entropy of attention with random logits of deviation b times the root of log T, exact for each number of tokens; dashed: the limit of infinitely many. The corner is the freezing transition.", "name": "fig-14-random"}, "image": {"alt": "Five falling curves over b from 0 to 3, from 16 tokens to 10 to the 24th, all starting at one. A dashed line falls along a parabola to zero at b = 1.41 and stays there. The curves follow it up to b near 0.8 and then bend away; the more tokens, the closer they stay to the corner."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="b = σ / √log T", ylabel="entropy / log T", height=3.2)
fine = np.linspace(0, 3, 61)
counts = {16: "16", 256: "256", 1e6: "10⁶", 1e12: "10¹²", 1e24: "10²⁴"}
for (n, label), colour in zip(counts.items(), plotting.colours(5), strict=True):
    ax.plot(fine, attention.random_entropy(fine * np.log(n) ** 0.5, n) / np.log(n), color=colour, label=f"T = {label}")
corner = np.array([*np.linspace(0, 2**0.5, 60), 3])
ax.plot(corner, np.maximum(1 - corner**2 / 2, 0), "k--", label="limit")
_ = ax.legend()

# %% [markdown]
r"""
The rule of thumb is good to two digits as long as logits stay within about one unit ({claim}`tf-random-01`, where a
tolerance set from few samples met the exact answer), and the transition is real but slow ({claim}`tf-random-03`): with
any number of tokens that fits into a computer it is a bend, not a corner.

## A stack of attention forgets who is who

A weighted mean brings tokens together. Let the *residual* be the share of $x$ that differs between tokens. If it is
small, logits differ between rows only by products of differences, and each layer turns the residual into its cube.
Below about $10^{-16}$ it vanishes in rounding; the library therefore carries differences and their size apart, the size
as a logarithm, and follows the collapse as far as one likes.
"""

# %%
stack = sweep.grid(laws.rank_collapse, {"index": range(draws)}, seed=seed, tokens=32, d=32, depth=48)
log = stack["log_pure"][:, :13]
after = log[:, 1:] / log[:, :-1]
rates = [after[i][log[i, :-1] < np.log(0.1)].mean() for i in range(draws)]
table({"layer": list(range(1, 13)), "log₁₀ residual": np.median(log, axis=0)[1:] / np.log(10)})

# %% tags=["hide-input"]
slow = np.log(stack["skip"][:, :13])
ledger.check("tf-rank-01", rates, control=[(s[1:] / s[:-1])[6:].mean() for s in slow])
median = {name: np.median(stack[name], axis=0) for name in ("skip", "mlp", "both", "small")}
ledger.check("tf-rank-02", median["skip"][12], control=np.exp(np.median(log[:, 12])))
ledger.check("tf-rank-03", median["skip"][48], control=median["small"][48])
ledger.check("tf-rank-04", median["mlp"][12], control=median["skip"][12])

# %% mystnb={"figure": {"caption": "Share of token differences against depth for random layers, 32 tokens of 32 features (median over draws, unit power after each layer). Attention alone and attention with an MLP fall out of the picture; below the dotted line double precision ends.", "name": "fig-14-collapse"}, "image": {"alt": "Residual on a logarithmic axis from 1 down to 10 to the minus 20, against depth up to 48. Attention alone and attention with MLP plunge below 10 to the minus 16 by layer six or seven. With skips the curves fall along straight lines, to about 10 to the minus 6 at layer 48. With branches divided by the depth the curve stays near one."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="layer", ylabel="residual", yscale="log", ylim=(1e-20, 3), height=3.4)
ax.plot(np.exp(np.maximum(np.median(log, axis=0), -60)), "o-", label="attention")
stacks = ["+ skip", "+ MLP", "+ skip + MLP", "+ skip, branch / depth"]
for values, label, marker in zip(median.values(), stacks, "sD^v", strict=True):
    ax.plot(np.where(values > 1e-15, values, np.nan), marker=marker, markevery=4, label=label)
ax.axhline(1e-16, color="black", linestyle=":", linewidth=1)
_ = ax.legend(loc="center right")

# %% [markdown]
r"""
The rate is the paper's, layer after layer ({measured}`tf-rank-01`). A skip turns the cube into a factor: after twelve
layers differences are still there ({claim}`tf-rank-02`), after 48 they are not ({claim}`tf-rank-03`); what keeps them is a
branch that is small beside its skip. And the MLP of this setting makes it worse ({claim}`tf-rank-04`): random ReLU maps
bring tokens together by themselves. The abstract speaks of transformers as they are used, with offsets, norms and
training; the sentences do not hold for every stack.

## What layer normalisation removes

Layer normalisation ({cite:t}`ba2016layer`) subtracts from each vector its mean and divides by its deviation. Two numbers
of $d$ are gone, exactly ({claim}`tf-norm-01`). In use $\varepsilon = 10^{-5}$ is added to the variance $v$. Then the mean
square of the result is $q = v/(v + \varepsilon)$, and $v = \varepsilon q/(1 - q)$: nothing about the scale is removed, it
is written in small print.
"""

# %%
scaled = sweep.grid(laws.normalisation, {"index": range(draws)}, seed=seed, d=64, rows=2000, eps=1e-5)
ledger.check("tf-norm-01", scaled["moved"], control=scaled["moved_eps"])
ledger.check("tf-norm-02", scaled["read"], control=scaled["read_none"])
show("squared correlation in single precision", scaled["read_single"].mean())

# %% [markdown]
r"""
So "the norm removes the scale" is a statement about noise and digits, like every statement on information in a
deterministic network. Even in single precision most of it can be read.

## What a residual connection preserves

"Residual connections preserve information about the input" says nothing without noise: any injective layer keeps
$I(x_0; x_l)$ at its maximum, with or without a skip, and a block $x + F(x)$ with a contracting $F$ can be undone by
iterating $x \leftarrow y - F(x)$ ({cite:t}`behrmann2019invertible`).
"""

# %%
undone = sweep.grid(laws.inverse, {"lipschitz": [0.9, 1.5], "index": range(draws)}, seed=seed, d=32, steps=60)
ledger.check("tf-inverse-01", undone["error"][0], control=undone["error_turned"][1])

# %% [markdown]
r"""
With noise there is an exact answer for linear layers, $x_{l+1} = T_l x_l + s\,\xi$:

$$
I(x; x_l) = \tfrac12 \log\det\big(1 + M_l M_l^\top\big), \qquad M_l = C_l^{-1} T_{l-1} \cdots T_0 ,
$$ (eq-14-chain)

where $C_l C_l^\top$ is all the noise that has come together. Neither factor can be computed by itself for long, one
explodes or vanishes; $M_l$ can, in a whitened recursion.
"""

# %%
setting = dict(seed=seed, d=32, noise=0.1)
chain = sweep.grid(laws.chains, {"index": range(draws)}, layers=64, **setting)
short = sweep.grid(laws.chains, {"index": range(draws)}, layers=4, samples=200_000, **setting)
kinds = ["plain", "orthogonal", "unit", "scaled", "raw"]
names = ["W", "orthogonal", "(1 + W)/√2", "1 + W/8", "1 + W"]
layers = [0, 1, 4, 16, 64]
table({"layer": layers, **{n: chain[k].mean(axis=0)[layers] for n, k in zip(names, kinds, strict=True)}})

# %% tags=["hide-input"]
rise = [np.diff(chain[k], axis=1).max() for k in kinds]
ledger.check("tf-chain-01", max(rise), control=np.diff(chain["fresh"], axis=1).max())
formula = residual.orthogonal_information(32, 0.1, 64)
wrong = np.abs(chain["orthogonal"] - formula[0])[:, 1:].min()
ledger.check("tf-chain-02", np.abs(chain["orthogonal"] - formula).max(), control=wrong)
distance = {k: np.abs(short["sampled"] - short[k][:, -1]) for k in ("raw", "plain")}
ledger.check("tf-chain-03", distance["raw"], control=distance["plain"])
left = {k: chain[k][:, -1] / chain["orthogonal"][:, -1] for k in kinds}
limited = np.minimum(left["raw"], left["scaled"])
ledger.check("tf-residual-01", left["unit"], limit=limited, control=left["plain"])

# %% mystnb={"figure": {"caption": "Information about the input along chains of 64 noisy linear layers (32 dimensions, noise 0.1; mean over draws). W has random weights of variance 1/d.", "name": "fig-14-chain"}, "image": {"alt": "Five falling curves against layer, both axes logarithmic, from 74 nats. The plain chain W falls fastest, to about 1 nat at layer 64; the residual chain of unit power runs just above it. Orthogonal maps and 1 + W/8 coincide and end at 15. The raw residual chain 1 + W falls like them at first, then levels off at 28."}} tags=["hide-input"]
logs = dict(xscale="log", yscale="log", height=3.4)
fig, (ax,) = plotting.panels([""], xlabel="layer + 1", ylabel="$I(x; x_l)$ [nats]", **logs)
for name, kind, marker, colour in zip(names, kinds, plotting.MARKERS, plotting.colours(5), strict=False):
    style = dict(marker=marker, markevery=[0, 1, 3, 7, 15, 31, 63], color=colour)
    ax.plot(np.arange(1, 66), chain[kind].mean(axis=0), label=name, **style)
_ = ax.legend()

# %% [markdown]
r"""
The skip by itself does next to nothing: at equal power, $(1 + W)/\sqrt 2$ loses like $W$. What preserves is either a
layer near the identity, or a signal that grows while the noise does not ({claim}`tf-residual-01`). Both are properties
of transformers in use, and neither is the skip.

## A transformer that looks things up

Now trained networks. Their source is one whose best prediction is known. Each sequence draws a table of successors for
its eight tokens, and follows it; one step in ten is a jump to any token. The table is not told. Whoever wants to predict
has to find where the present token stood before, and look at what came next. Bayes' rule over tables gives the best
loss at every place, so that every loss below is shown as what exceeds it. The networks have two layers of two heads and
no MLP, five of them with their own start and data; beside them, networks of one layer.
"""

# %% tags=["nbval-ignore-output"]
training = dict(seed=seed, models=models, width=width, heads=2, steps=steps, batch=batch, rate=0.01, count=14)
both = sweep.run(study.induction, [dict(training, layers=n) for n in (2, 1)])
two, one = both
late = [run["excess"][:, :, -8:].mean(axis=2) for run in both]
show("loss above the best, two layers", two["excess"][:, -1].mean(axis=1), "nats", digits=2)
show("loss above the best, one layer ", one["excess"][:, -1].mean(axis=1), "nats", digits=2)

# %% mystnb={"figure": {"caption": "Attention of the first network over training: one sequence, every row a token that looks, every column a token looked at; above each map the mean entropy of its head, in nats. Step through training.", "name": "fig-14-maps"}, "image": {"alt": "Frames of four triangular attention maps, two heads of each of two layers. At first all rows are spread out. At the end a head of the first layer has become a line just below the diagonal, the token before, the other one is still spread out, and the heads of the second layer show short lines parallel to the diagonal: tokens that followed an earlier occurrence."}} tags=["hide-input", "nbval-ignore-output"]
at = two["at"].astype(int)


def frame(e):
    titles = [f"{n}.{k}: {two['entropy'][0, e, n - 1, k - 1]:.2f}" for n in (1, 2) for k in (1, 2)]
    fig, axs = plotting.panels(titles, height=2.0, xticks=[], yticks=[])
    for ax, weights in zip(axs, two["maps"][e].reshape(4, *two["maps"].shape[-2:]), strict=True):
        ax.imshow(weights, cmap="Greys", vmin=0, vmax=1)
    return fig


shown = [0, *range(4, len(at), 2)]
steps_of = [f"step {at[e]}" for e in shown]
plotting.frames((frame(e) for e in shown), steps_of, name="Training", alt="Attention maps at {}".format)

# %% [markdown]
r"""
The pictures have names. A head of the first layer looks at the **token before**; each position then carries what it
followed. Heads of the second layer search for positions that followed a token like the present one and copy what stands
there: **induction heads** ({cite:t}`olsson2022context`). No head was told to do so.
"""

# %% tags=["hide-input", "nbval-ignore-output"]
ledger.check("tf-train-01", two["excess"][:, -1].mean(axis=1), control=one["excess"][:, -1].mean(axis=1))
best_head = two["induction"].max(axis=3)
ledger.check("tf-induction-01", best_head[:, -1, 1], control=best_head[:, -1, 0])
ledger.check("tf-induction-02", late[1][:, -1], control=late[0][:, -1])
rise = study.crossing(at, best_head[:, :, 1], 0.5)
gained = np.minimum(late[0], late[1][:, -1].mean())
apart = [np.abs(np.log2(study.crossing(at, curve, 0.5) / rise)) for curve in (gained, late[1])]
ledger.check("tf-induction-03", apart[0], control=apart[1])
mean_entropy = two["entropy"].mean(axis=(2, 3))
others = np.roll(mean_entropy[:, 0], 1)
ledger.check("tf-entropy-01", mean_entropy[:, -1] / mean_entropy[:, 0], control=others / mean_entropy[:, 0])

# %% mystnb={"figure": {"caption": "Training over steps (mean over networks, band: range). Left: loss above the best prediction on the last eight places. Middle: weight of the best head of each layer on the token before (first layer) and on answers (second layer). Right: attention entropy of the head that looks back most sharply in each layer, and of the other.", "name": "fig-14-training"}, "image": {"alt": "Three panels over training steps on a logarithmic axis. Left: for two layers the loss falls from 1.6 to a plateau near 0.75 and then, around step 100, to zero; for one layer it stays above 0.6. Middle: the weight of the second layer's best head on answers rises from 0.4 to almost one at the same steps, that of the first layer's on the token before from 0.05 to 0.8. Right: entropies start near 2.7; the sharper head of the first layer falls below 1, the other stays above 2; those of the second layer fall to 1.6 and rise again to 1.7 and 1.9."}} tags=["hide-input", "nbval-ignore-output"]
titles = ["loss above best [nats]", "weight", "entropy [nats]"]
fig, axs = plotting.panels(titles, height=3.0, xlabel="step", xscale="log")
axis = np.maximum(at, 4)
for values, label in zip(late, ["two layers", "one layer"], strict=True):
    plotting.bands(axs[0], axis, values, label=label)
plotting.bands(axs[1], axis, two["previous"][:, :, 0].max(axis=2), label="1: token before")
plotting.bands(axs[1], axis, best_head[:, :, 1], label="2: answers")
ends = np.sort(two["entropy"], axis=3)
for layer, head, label in ((0, 0, "1, sharper"), (0, 1, "1, other"), (1, 0, "2, sharper"), (1, 1, "2, other")):
    plotting.bands(axs[2], axis, ends[:, :, layer, head], label=label)
_ = [ax.legend(fontsize=7) for ax in axs]

# %% [markdown]
r"""
It happens at once. What one layer can do, counting tokens of the sequence, is learned first; the rest of the loss falls
where the heads form ({claim}`tf-induction-03`), and one layer never gets there ({claim}`tf-induction-02`). Entropy falls on average ({claim}`tf-entropy-01`), but it is no measure of usefulness. The
sharpest head finds one token; the heads that solve the task spread over all places where the answer stands, and their
entropy *rises* again as they learn to use them all.

## Heads on real text

A source whose best prediction is known is one thing, text another. The same kind of network, with four heads and an MLP in
each of two layers, now reads characters: the docstrings of NumPy, SciPy and scikit-learn, which every machine that can run
this book has, checked by digest. Held-out docstrings measure it, and a piece of one is shown.
"""

# %% tags=["nbval-ignore-output"]
english = dict(seed=seed, models=text_models, width=text_width, steps=text_steps, layers=2, heads=4, context=32)
texts = sweep.run(reader.reading, [dict(english, batch=16, rate=0.008, count=10)])[0]
show("held-out loss   ", texts["loss"][:, -1], "nats per character")
show("same text, given another passage first ", texts["other"][:, -1], "nats per character")
show("same text, given itself first          ", texts["repeated"][:, -1], "nats per character")

# %% mystnb={"figure": {"caption": "Where heads of the first network look, after training, in a piece of held-out text (spaces and ends of lines are marked). Every row is a character that looks, every column one that is looked at; bars: entropy of the row, dashed: the most it can be, log of the characters seen. Step through the heads.", "name": "fig-14-text"}, "image": {"alt": "Six frames, one per head, each a triangular map of 32 by 32 characters with bars of entropy beside it. Heads of the first layer show a dark diagonal, the own character, with grey fields just below it. Those of the second layer show dark columns, above all at the end of the line and at the colon, that many rows look at. Entropies lie well below the dashed maximum, and those of some rows are close to zero."}} tags=["hide-input", "nbval-ignore-output"]
signs, small = reader.letters(reader.passage(32)), dict(fontsize=8, family="monospace")


def looks(layer, head):
    _, (ax, side) = plotting.panels(["", ""], height=4.6, sharey=True, width_ratios=[5, 2])
    ax.imshow(texts["maps"][layer, head], cmap="Greys", vmin=0, vmax=1, aspect="auto"), ax.grid(visible=False)
    side.barh(range(32), texts["rows"][layer, head]), side.plot(np.log(np.arange(1, 33)), range(32), "k--")
    ax.set_xticks(range(32), signs, **small), ax.set_yticks(range(32), signs, **small)
    return side.set_xlabel("entropy [nats]").figure


places = [(0, 0), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]  # heads of the first layer look alike
heads = [f"layer {n + 1}, head {k + 1}: {texts['rows'][n, k].mean():.2f} nats" for n, k in places]
plotting.frames((looks(*place) for place in places), heads, name="Head", alt="Attention map, {}".format)

# %% tags=["hide-input", "nbval-ignore-output"]
selective = texts["entropy"].mean(axis=(2, 3))
ledger.check("tf-text-01", selective[:, -1] / selective[:, 0], control=np.roll(selective[:, 0], 1) / selective[:, 0])
near = texts["recent"].mean(axis=(2, 3))
ledger.check("tf-text-03", near[:, -1] / near[:, 0], control=np.roll(near[:, 0], 1) / near[:, 0])
saved = texts["other"] - texts["repeated"]
ledger.check("tf-text-04", saved[:, -1], control=saved[:, 0])
copied = texts["induction"][:, :, 1].max(axis=2)
ledger.check("tf-text-05", copied[:, -1], control=best_head[:, -1, 1])

# %% mystnb={"figure": {"caption": "Reading text, over training steps (mean over networks, band: range). Left: loss on a held-out passage after another one and after itself. Middle: entropy of the eight heads of the first network, one line each. Right: weight of heads on the four characters before (mean over heads), and of the best head of the second layer on characters that followed an earlier occurrence of the present one.", "name": "fig-14-reading"}, "image": {"alt": "Three panels over steps on a logarithmic axis. Left: two losses fall together from 4.6 to about 2.3 nats per character and part slightly after step 50. Middle: eight entropies start near 2.7 nats, begin to fall after thirty steps, those of the first layer first, and end between 0.7 and 1.8; those of the second layer rise again. Right: the weight on the four characters before rises from 0.22 to 0.39 after step 100; the weight on earlier occurrences stays at 0.2."}} tags=["hide-input", "nbval-ignore-output"]
titles = ["loss [nats per character]", "entropy [nats]", "weight"]
fig, axs = plotting.panels(titles, height=3.0, xlabel="step", xscale="log")
axis = np.maximum(texts["at"], 8)
for name, label in (("other", "after another"), ("repeated", "after itself")):
    plotting.bands(axs[0], axis, texts[name], label=label)
for n, (layer, style) in enumerate(product((0, 1), ("-", "--", ":", "-."))):
    label = {0: "first layer", 4: "second layer"}.get(n)
    axs[1].plot(axis, texts["entropy"][0, :, layer, n % 4], style, color=f"C{3 * layer}", label=label)
for values, label in ((near, "four before"), (copied, "earlier occurrences")):
    plotting.bands(axs[2], axis, values, label=label)
_ = [ax.legend(fontsize=7) for ax in axs]

# %% [markdown]
r"""
Attention on text becomes selective as well ({claim}`tf-text-01`), and it turns to the characters just before
({claim}`tf-text-03`), which say most about the next one. The frames show a division of labour. Heads of the first layer
look at their own character and at its neighbours, and put letters together. Those of the second look further back, for
what structures the page: the end of the line, the colon, the space before a word.

A passage that is repeated is cheaper ({claim}`tf-text-04`), so something is learned from context. But not by induction
heads: no head of the second layer looks at what followed before more than it did at the start ({claim}`tf-text-05`).
Networks of this size, trained for so short a time, still have much to gain from neighbours; looking things up does not
pay yet.

### And the bound?

It holds in every row at every step, on the synthetic source and on text ({claim}`tf-bound-01`). In the form with spectral
norms of weights and inputs it is of no use for these networks, smaller than any number worth printing; with the length of
the logits themselves it says something ({claim}`tf-bound-03`, and on text {claim}`tf-text-02`).
"""

# %% tags=["hide-input", "nbval-ignore-output"]
slack = min(rows["slack"].min(), two["slack"].min(), one["slack"].min(), texts["slack"].min())
ledger.check("tf-bound-01", slack, control=rows["slack_slip"].min())
for name, run in (("tf-bound-03", two), ("tf-text-02", texts)):
    share = {kind: (run[kind][:, -1] / run["entropy"][:, -1]).mean(axis=(1, 2)) for kind in ("spectral", "bound")}
    ledger.check(name, share["spectral"], limit=share["bound"], control=share["spectral"] ** 10)

# %% [markdown]
r"""
## What the stream knows

Take the stream of the last token, add noise, and ask what it knows about three tokens: the one before, its own, and the
next one, which is to be predicted. Over a fixed set of sequences the noisy stream is a mixture of Gaussians, and the
information can be sampled without any model of it. Once the noise is in units of the stream's own deviation, twice as
large; once it has the size that this gives for the embedding at all layers.
"""

# %% tags=["nbval-ignore-output"]
known, fixed = two["known"], two["known_fixed"]
where = ["embedding", "after layer 1", "after layer 2"]
columns = dict(zip(["token before", "own token", "next token"], known.mean(axis=0).T, strict=True))
table({"noise with the stream": where, **columns, "dealt labels": two["chance"].mean(axis=0)})
columns = dict(zip(["token before", "own token", "next token"], fixed.mean(axis=0).T, strict=True))
table({"noise of one size": where, **columns})

# %% tags=["hide-input", "nbval-ignore-output"]
own = known[..., 1]
shuffled = two["chance"][:, -1] / own[:, 0]
ledger.check("tf-stream-01", own[:, -1] / own[:, 0], limit=fixed[:, -1, 1] / own[:, 0], control=shuffled)
turn = known[..., 2] - known[..., 1]
ledger.check("tf-stream-02", turn[:, -1], control=turn[:, 0])

# %% mystnb={"figure": {"caption": "What the stream of the last token knows about the token before, its own and the next, by layer (points: mean over networks, bars: range). Left: noise in units of the stream; right: noise of one size. Dashed: log 8, all there is to know.", "name": "fig-14-stream"}, "image": {"alt": "Two panels with three sets of points at embedding, layer 1 and layer 2. Left: the own token falls from 1.9 to 0.2 nats, the next token rises from 0.1 to 1.2, and the token before peaks at 1.2 after layer 1. Right: the own token stays at 1.9, and the other two rise to 2 nats after layer 2, just under the dashed line at 2.08."}} tags=["hide-input", "nbval-ignore-output"]
titles = ["noise with the stream", "noise of one size"]
fig, axs = plotting.panels(titles, sharey=True, ylabel="information [nats]", height=3.0)
for ax, values in zip(axs, (known, fixed), strict=True):
    for i, (label, marker) in enumerate(zip(["token before", "own token", "next token"], "osD", strict=True)):
        places = np.arange(3) + 0.06 * (i - 1)
        plotting.intervals(ax, places, values[..., i].T, label=label, marker=marker, linestyle="-")
    ax.axhline(np.log(8), color="black", linestyle="--", linewidth=1)
    ax.set_xticks(range(3), ["embedding", "layer 1", "layer 2"])
_ = axs[1].legend(loc="lower right")

# %% [markdown]
r"""
Here is the sentence on residual connections with its two readings, in a network that has learned something. In units of
its own size the stream lets go of its token and turns to the next one ({claim}`tf-stream-01`, {claim}`tf-stream-02`): it
is written over, skip or no skip. Against noise of a fixed size it keeps everything, because it grows.

How much do the skips carry? The embeddings of eight tokens are shifted a little at random, and as much noise is added
after every layer. So small a noise sees only the Jacobians of the trained layers, and {eq}`eq-14-chain` applies to them;
samples through the real network, skips, softmax and norms included, say the same ({claim}`tf-local-01`). Without the
skips the same branches would lose most of it ({claim}`tf-local-02`).
"""

# %% tags=["hide-input", "nbval-ignore-output"]
local, branch = two["local"][:, -1], two["local_branch"][:, -1]
ledger.check("tf-local-01", np.abs(two["sampled"] / local - 1), control=np.abs(two["sampled"] / branch - 1))
ideal = residual.orthogonal_information(8 * width, 1.0, 2)[-1]
ledger.check("tf-local-02", branch / local, control=ideal / local)
show("after two layers, with skips", local, "nats")
show("after two layers, without   ", branch, "nats")
show("orthogonal maps             ", ideal, "nats")

# %% [markdown]
r"""
## Is preserving the input always good?

No. The smallest case is least squares. A label depends on five features; the representation keeps two of them, all
five, or these and more that have nothing to do with it. From five on $I(T;Y)$ is the same, $I(X;T)$ grows, and with 60
training points the test loss grows with it. With many points it does not matter: what hurts is not the information but
that what matters must be told apart from it by finitely many examples.
"""

# %%
kept = [2, 5, 10, 20, 30, 40, 50]
features = dict(seed=seed, kept=kept, relevant=5, noise=0.5, view=0.1)
fits = sweep.grid(laws.features_kept, {"n": [60, 20_000], "index": range(40)}, **features)
mean = {name: fits[name][0].mean(axis=0) for name in ("i_x", "i_y", "loss", "formula")}
heads = {"i_x": "I(X;T)", "i_y": "I(T;Y)", "loss": "test loss", "formula": "formula"}
table({"features": kept, **{text: mean[name] for name, text in heads.items()}})
costs = fits["loss"][..., -1] - fits["loss"][..., 1]
ledger.check("tf-harm-01", costs[0], control=costs[1])

# %% [markdown]
r"""
The same in a transformer. It sees a few dozen sequences again and again, whose jumps and tables are not worth knowing.
Its stream gets noise while it trains, none, some or much; without noise it can preserve its input to the last bit.
"""

# %% tags=["nbval-ignore-output"]
noises = [0.0, 0.5, 1.0]
sizes = dict(models=few_models, steps=few_steps, n=few, width=width)
heart = sweep.run(study.memorising, [dict(seed=seed, heads=2, rate=0.005, noises=noises, count=10, **sizes)])[0]
ends = {name: heart[name][:, :, -1] for name in ("train", "test")}
table({"noise": noises, **{f"{name}, above the best": v.mean(axis=1) for name, v in ends.items()}})
ledger.check("tf-harm-02", ends["test"][0] - ends["test"][2], control=ends["train"][0] - ends["train"][2])

# %% mystnb={"figure": {"caption": "Preserving less and predicting better. Left: test loss of least squares against what the representation knows about the input; points: mean and range over draws, line: the formula, dashed: with the relevant features alone. Right: transformers on few sequences, test loss (solid) and training loss (dotted) above the best prediction, by noise in the stream (mean over networks).", "name": "fig-14-harm"}, "image": {"alt": "Left: test loss against information about the input: a minimum of 0.8 nats at 12 nats, and a rise to above 3 nats at 115, with wide bars. Right: losses over training steps on a logarithmic axis; without noise the test loss falls to 1 and then climbs to 4, with noise it stays near 1.1. Training losses fall, without noise to below zero."}} tags=["hide-input", "nbval-ignore-output"]
fig, (left, right) = plotting.panels(["", ""], height=3.2)
plotting.intervals(left, mean["i_x"], fits["loss"][0].T, label="60 points")
left.plot(mean["i_x"], mean["formula"], label="formula")
left.axhline(mean["formula"][1], color="black", linestyle="--", linewidth=1)
left.set(xlabel="I(X;T) [nats]", ylabel="test loss [nats]", ylim=(0.5, 8))
for i, colour in enumerate(plotting.colours(3)):
    axis = np.maximum(heart["at"], 3)
    style = dict(color=colour, marker=plotting.MARKERS[i], label=f"noise {noises[i]:g}")
    right.plot(axis, heart["test"][i].mean(axis=0), **style)
    right.plot(axis, heart["train"][i].mean(axis=0), ":", color=colour)
right.set(xlabel="step", ylabel="loss above best [nats]", xscale="log")
_ = left.legend(loc="upper left"), right.legend()

# %% [markdown]
r"""
Without noise the network learns its sequences by heart, jumps included, and pays for it on new ones
({claim}`tf-harm-02`). Stopping early would have helped as well; noise needs no clock.

## What this page does not show

- **Instability.** That low entropy accompanies divergence ({claim}`tf-instability-01`) needs training at its edge.
- **Large models on text.** Ours are small and trained briefly; heads of large ones do many other things.
- **The papers' theorems.** Of Dong et al. the rate and the words of the abstract are decided, not the constants.
- **MLPs in the trained networks** of the first part; the stream's information about more than one token at a time.
- **Noise as a tool.** Noise in the stream was neither tuned nor compared with other regularisers.

## Exercises

1. *Heat.* Divide the logits of one row by a temperature. Where does its entropy change fastest, and why there?
2. *One block undone.* How many iterations does the inverse of $x + F(x)$ need for twelve digits, as the Lipschitz
   constant grows?
3. *How many?* A row of entropy $H$ looks at about $e^H$ tokens. How many characters does each head look at in the piece
   of text shown, on average, and which head at the fewest?
"""

# %% tags=["hide-input"]
# Exercise 1: dH/d log(temperature) is the variance of the scaled logits under their own weights: a heat capacity.
row = np.random.default_rng(seed).standard_normal(32) * 4
temperature = np.geomspace(0.1, 30, 400)
entropies = attention.entropy_of_scores(row / temperature[:, None])
weights = np.exp(row / temperature[:, None] - (row / temperature[:, None]).max(axis=1, keepdims=True))
weights /= weights.sum(axis=1, keepdims=True)
heat = (weights * row**2).sum(axis=1) - (weights * row).sum(axis=1) ** 2
slopes = np.gradient(entropies, np.log(temperature))
show("largest distance of slope and variance", np.abs(slopes - heat / temperature**2)[1:-1].max(), "nats", digits=1)
show("fastest at temperature", temperature[slopes.argmax()], digits=2)

# %% tags=["hide-input"]
# Exercise 2: the bound is log(1e-12)/log(constant); random directions are faster than the worst one.
constants, tried = [0.3, 0.6, 0.9], [5, 10, 20, 40, 80]
found = sweep.grid(laws.inverse, {"steps": tried, "lipschitz": constants}, seed=seed, index=0, d=32)["error"]
needed = [next((n for n, e in zip(tried, column, strict=True) if e < 1e-12), tried[-1]) for column in found.T]
table({"constant": constants, "enough of 5, 10, ...": needed, "bound": np.log(1e-12) / np.log(constants)})

# %% tags=["hide-input", "nbval-ignore-output"]
# Exercise 3: the most a row can look at is all characters so far, 16.5 on average.
looked_at = np.exp(texts["rows"]).mean(axis=-1)
table({"head": [1, 2, 3, 4], "first layer": looked_at[0], "second layer": looked_at[1]})
show("fewest: layer, head", [i + 1 for i in np.unravel_index(looked_at.argmin(), looked_at.shape)], digits=1)

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %% tags=["nbval-ignore-output"]
ledger.close()

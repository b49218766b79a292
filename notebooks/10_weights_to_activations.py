# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# From weights to activations

*Does a network that holds little information in its weights keep little about its input, and does it generalise
better?*

Information in the weights is about the past: the training set. {cite:t}`achille2019where` connect it to the future.
Their abstract says that models with low information complexity "not only generalize better, but are bound to learn
invariant representations of future inputs", and that these relations hinge not only on the architecture but on how the
model is trained. {cite:t}`achille2018emergence` had drawn the same line from weight noise to invariance to nuisances.
This page follows the line step by step: Fisher information of the activations, effective information, one noisy layer
exactly, networks whose weights are charged for what they hold, and families of trained networks. Each step ends with a
verdict.

We read the abstracts. The propositions are known to us from readers' transcriptions, so that none of them is quoted,
and where a formula differs from the transcription we write "as we derive it" and show the difference by numbers.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
n_seeds = 5  # repetitions: layers, training sets, nuisances and starts drawn anew [5..20]
draws = 50000  # activations drawn for the score of one layer [1000..]
beta_noise = 0.05  # size of the weight noise in the Fisher section [0.0001..1]
noises = [3.0, 1.0, 0.3, 0.1, 0.03]  # β of the effective information, falling [0.001..10]
sampled = 1000  # inputs of the sampled bounds, whose lower one ends at their logarithm [100..5000]
exact_inputs = 400  # inputs of the exactly computed noisy layer [100..2000]
betas = [0.03, 0.1, 0.3, 1.0, 2.0]  # price of information in the weights, growing [0.001..10]
n_train = 1000  # training images of the noisy networks [250..1500]
steps = 1000  # training steps of the noisy networks [50..20000]
n_family = 300  # training images of the families [100..1500]
family_steps = 400  # training steps of the families [50..20000]
target = 0.1  # training loss at which networks are compared, nats [0.01..2]

# %% tags=["hide-input"]
from functools import partial

import numpy as np

from itdl import activations, claims, plotting, sweep
from itdl.show import show, table
from itdl.studies import activation_information as formulas
from itdl.studies import generalisation as families
from itdl.studies import invariance

plotting.use_style()
ledger = claims.Ledger("10")
seeds = range(n_seeds)

# %% [markdown]
r"""
## The idea in one equation

Let a network be $f_w$, with Fisher information $F_w$ about its weights. Weight noise $\xi \sim \mathcal N(0, \beta
F_w^{-1})$ is what the trade-off between loss and information tolerates at price $\beta$. With $J$ the Jacobian of $f$
in the weights it turns the map into a channel, $z\,|\,x \sim \mathcal N\big(f(x), S(x)\big)$ with $S = \beta J F_w^{-1}
J^\top$, and that channel has a Fisher information about its *input*. As we derive it,

$$
F_{z|x} = (\partial_x f)^\top S^{-1}\, \partial_x f
  + \tfrac12\big[\operatorname{tr} S^{-1}\partial_a S\, S^{-1}\partial_b S\big]_{ab},
\qquad S = \beta J F_w^{-1} J^\top .
$$ (eq-10-fisher)

The version in circulation, as transcribed, has $\tfrac1\beta (\partial_x f)^\top (J F_w J^\top)\, \partial_x f$. Units
tell them apart. The smallest case has one weight and one input, $z = w x$: the noise has variance $\beta x^2/F_w$, and
by hand $F_{z|x} = w^2 F_w/(\beta x^2) + 2/x^2$.
"""

# %%
w, x, fisher_w = 1.5, 2.0, 40.0
noisy = activations.linear_layer([x], [[beta_noise / fisher_w]])
by_hand = w**2 * fisher_w / (beta_noise * x**2) + 2 / x**2
show("Fisher information about x, by hand    ", by_hand, digits=5)
show("Fisher information about x, the library", activations.input_fisher([[w]], *noisy).total, digits=5)

# %% [markdown]
r"""
## Fisher information of the activations

A layer of three outputs and five inputs gets a weight Fisher matrix without any special structure. The reference is the
definition: the variance of the score $\partial_x \log p(z\,|\,x)$ over sampled activations, the derivative taken by
differences. Inputs of several lengths tell formulas with different units apart.
"""

# %%
lengths = [0.25, 0.5, 1.0, 2.0, 4.0]
layer = dict(seed=seed, m=3, d=5)
axes = {"scale": lengths, "index": seeds}
fisher = sweep.grid(formulas.fisher, axes, beta=beta_noise, draws=draws, **layer)
double = sweep.grid(formulas.scaling, {"index": seeds}, **layer)
order = sweep.grid(formulas.order, {"index": seeds}, pairs=50, **layer)

# %% tags=["hide-input"]
ledger.check("wa-fisher-01", fisher["derived_error"].max(axis=0), control=fisher["printed_error"].max(axis=0))
ledger.check("wa-fisher-02", double["derived"], control=double["printed"])
ledger.check("wa-fisher-03", order["ordered"], control=order["traced"])

# %% mystnb={"figure": {"caption": "Trace of the Fisher information of noisy activations about their input, against the length of the input (first layer drawn). Points: variance of the sampled score. Solid: as we derive it. Dotted: the form as transcribed, which crosses the true one where the units happen to agree.", "name": "fig-10-fisher"}, "image": {"alt": "Log-log plot. The sampled points fall as a straight line of slope minus two and lie on the solid line. The dotted line rises with slope two and crosses the solid one near length one."}} tags=["hide-input"]
labels = dict(xlabel="length of the input", ylabel="tr $F_{z|x}$", xscale="log", yscale="log", xticks=lengths)
fig, (ax,) = plotting.panels([""], **labels)
ax.set_xticks(lengths, [f"{length:g}" for length in lengths])
ax.plot(lengths, fisher["sampled"][:, 0], "o", label="variance of the sampled score")
ax.plot(lengths, fisher["derived"][:, 0], label="mean and covariance term, as we derive them")
ax.plot(lengths, fisher["printed"][:, 0], "k:", label="as transcribed")
ax.minorticks_off()
_ = ax.legend()

# %% [markdown]
r"""
The derived form is within {measured}`wa-fisher-01` of the sampled score ({claim}`wa-fisher-01`). It says what one would
expect of a noisy layer: twice as strong an input is seen through twice the noise, and known a quarter as well per unit
({claim}`wa-fisher-02`). And it carries the step from weights to activations: less $F_w$ means less $F_{z|x}$, for every
direction at once ({claim}`wa-fisher-03`). But this needs an order of *matrices*. A smaller trace of $F_w$, the number
that is usually plotted, decides nothing.

## Effective information

From Fisher to mutual information, after {cite:t}`brunel1998mutual`: if $z$ pins $x$ down, what is left open is a
Gaussian with covariance $F_{z|x}^{-1}$, so

$$
I(x; z) \approx h(x) - \tfrac12 \operatorname{E}_x \log\frac{(2\pi e)^{\dim x}}{\det F_{z|x}} .
$$ (eq-10-effective)

A layer with fewer outputs than inputs never pins $x$ down. The mean term then lacks rank, its determinant is zero, and
{eq}`eq-10-effective` says $-\infty$. With the covariance term it can have full rank again, and a finite, wrong value.
What repairs it is the spread of the inputs, the same finite prior that the information in the weights needs. As we
derive it, $\tfrac12\operatorname{E}_x\log\det(I + \Sigma_x F_{z|x})$ is exact for a linear layer with constant noise
and Gaussian inputs, whatever its width. We hold all three against sampled bounds: InfoNCE from below, leave-one-out
from above.
"""

# %%
channel = dict(seed=seed, d=4, inputs=sampled)
outputs = [1, 2, 4, 8]
width = sweep.grid(formulas.channel, {"m": outputs, "index": seeds}, beta=0.1, **channel)
price = sweep.grid(formulas.channel, {"m": [2, 8], "beta": noises, "index": seeds}, **channel)
axes = {"beta": [0.01, 1.0], "index": seeds}
wide = sweep.grid(formulas.channel, axes, seed=seed, m=6, d=2, inputs=50)
names = ("lower", "upper", "prior", "both", "mean")
table({"outputs of 4 inputs, β = 0.1": outputs, **{name: np.median(width[name], axis=1) for name in names}})

# %% tags=["hide-input"]
narrow = outputs.index(2)
middle = (width["lower"] + width["upper"])[narrow] / 2
missing = width["missing"]
ledger.check("wa-effective-01", wide["constant_gap"][0], control=wide["constant_gap"][1])
ledger.check("wa-effective-02", missing[0], limit=missing[2:].max(axis=0), control=missing[narrow])
off = [np.abs(width[name][narrow] - middle) for name in ("prior", "both")]
ledger.check("wa-effective-03", off[0], control=off[1])

# %% mystnb={"figure": {"caption": "Information of a noisy layer about four Gaussian inputs, against the size of the weight noise (mean over layers). Points: middle of the sampled bounds, bars from the lower one, which ends at the logarithm of the number of inputs, to the upper one. Solid: spread of the inputs kept, as we derive it. Dashed: without the spread, both terms of the Fisher information.", "name": "fig-10-effective"}, "image": {"alt": "Two panels, two and eight outputs, information falling with growing noise. In both panels the sampled points lie on or near the solid line. With two outputs the dashed line runs one to three nats too low; with eight outputs it lies on the solid one. Only for the smallest noise and eight outputs are the bars long."}} tags=["hide-input"]
titles = ("2 outputs: narrow", "8 outputs: wide")
labels = dict(xlabel="size of the weight noise β", ylabel="I(x; z) [nats]", xscale="log", sharey=True)
fig, axs = plotting.panels(titles, **labels)
mean = {name: price[name].mean(axis=-1) for name in ("lower", "upper", "prior", "both")}
for i, ax in enumerate(axs):
    centre = (mean["lower"][i] + mean["upper"][i]) / 2
    ax.errorbar(noises, centre, yerr=mean["upper"][i] - centre, fmt="o", label="sampled bounds")
    ax.plot(noises, mean["prior"][i], label="with the spread of the inputs")
    ax.plot(noises, mean["both"][i], "k--", label="without it")
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %% [markdown]
r"""
For a wide layer and little noise the formula holds ({claim}`wa-effective-01`). For a compressive layer it is
undefined ({claim}`wa-effective-02`), and networks that classify *are* compressive. With the spread of the
inputs it is back within {measured}`wa-effective-03` of the sampled information ({claim}`wa-effective-03`).

## One layer, exactly

{cite:t}`achille2018emergence` bound what one noisy layer can know. Let every weight be multiplied by a factor of mean
one and log-variance $\alpha$. Given $x$ the outputs are independent, so information and total correlation add up to a
sum over outputs, $I(z;x) + TC(z) = \sum_i I(z_i; x)$, and for many uncorrelated inputs each term nears

$$
g(\alpha) = -\tfrac12\log\big(1 - e^{-\alpha}\big), \qquad \alpha = e^{-2I/k},
$$ (eq-10-unit)

where $I = -\tfrac k2\log\alpha$ is the information in the $k$ weights. The factor 2 is ours: it follows from that $I$,
and one reader's transcription of the proposition lacks it. The Gaussian form is cheap. For log-normal noise we compute
the densities exactly, from products of characteristic functions.
"""

# %%
levels = [0.05, 0.2, 0.7]
many = dict(seed=seed, units=40, inputs=4000)
axes = {"d": [10, 100], "alpha": [*levels, 2.0], "index": seeds}
excess = sweep.grid(formulas.excess, axes, **many)
correlated = sweep.grid(formulas.excess, axes, common=1.0, **many)
axes = {"d": [10, 40], "alpha": levels, "index": seeds}
unit = sweep.grid(formulas.layer, axes, seed=seed, units=2, inputs=exact_inputs)

# %% tags=["hide-input"]
exact, form, bound = unit["log_normal"], unit["gaussian_form"], unit["unit"]
off = np.abs(exact - form)
quiet, ten = slice(0, levels.index(0.2) + 1), 0
ledger.check("wa-layer-01", off.ravel(), limit=off[:, quiet].ravel(), control=(form - bound)[ten, quiet].ravel())
ledger.check("wa-layer-02", excess["derived"].ravel(), control=excess["printed"][:, 0].ravel())
inputs = np.array([10, 40])[:, None, None]
without = activations.unit_information(np.sqrt(levels[0]))
lacking = inputs[:, 0] * (exact[:, 0] - without)
ledger.check("wa-layer-03", (inputs * (exact - bound)).ravel(), control=lacking.ravel())

# %%
rows = {"g": bound, "Gaussian form": form, "Gaussian noise, exact": unit["gaussian_noise"], "log-normal, exact": exact}
table({"10 inputs, α": levels, **{name: values[0].mean(axis=-1) for name, values in rows.items()}})
show("d × excess, correlated inputs (d = 10, then 100)", correlated["derived"][:, 1].mean(axis=-1))

# %% [markdown]
r"""
The bounds hold, in the Gaussian form ({claim}`wa-layer-02`) and for the noise itself ({claim}`wa-layer-03`), and the
excess falls like one over the number of inputs. The form is an approximation for strong noise ({claim}`wa-layer-01`),
and the last line shows why the inputs must be uncorrelated: with a shared factor the excess times $d$ leaves its
interval.

## From little information to invariance

Let a nuisance $n$ be independent of the label $y$. What $z$ knows about both, it knows about $x$:
$I(z;n) \le I(z;x) - I(z;y)$. If $z$ is *sufficient*, $I(z;y) = I(x;y)$, then a small $I(z;x)$ leaves no room for the
nuisance. Random channels confirm it and show where it ends: without sufficiency a representation may keep the nuisance
*instead of* the label ({claim}`wa-nuisance-01`).
"""

# %%
rules = sweep.grid(formulas.nuisances, {"index": seeds}, seed=seed, channels=200)
ledger.check("wa-nuisance-01", rules["sufficient"], control=rules["any"])

# %% [markdown]
r"""
So the question for real networks is whether weight noise takes the nuisance and leaves the label. The digits of
{cite:t}`alpaydin1998optical` get a nuisance with four equally likely values: a bright patch of two by two pixels in one
of the corners, or one quadrant hidden, as in the occlusion task of {cite:t}`achille2018emergence`. Networks with one
hidden layer of sixteen tanh units and Gaussian weights are trained at several prices $\beta$ of information. $z$ is the
noisy hidden layer. A probe $q$, fitted on training images and evaluated on others, bounds its information from below,
$I(z;n) \ge H(n) - \operatorname{E}[-\log q(n\,|\,z)]$ ({cite:t}`barber2003im`); we take the better of a linear probe
and one with a hidden layer. As a control, networks that were trained to report the place of the patch: what they know
of it is no nuisance, and should stay.
"""

# %%
noisy = dict(seed=seed, n=n_train, width=16, steps=steps, batch=min(250, n_train), draws=2)
kinds = list(invariance.NUISANCES)
axes = {"nuisance": kinds, "index": seeds}
digit = sweep.grid(invariance.posteriors, axes, task="digit", betas=betas, **noisy)
first, one = betas[0], betas.index(1.0)
place = sweep.grid(invariance.posteriors, {"index": seeds}, nuisance="patch", task="place", betas=[first, 1.0], **noisy)
known = {k: np.maximum(digit[f"{k}_linear"], digit[f"{k}_mlp"]) for k in ("i_n", "i_y", "quiet_n")}
asked = {k: np.maximum(place[f"{k}_linear"], place[f"{k}_mlp"]) for k in ("i_n", "quiet_n")}

# %% tags=["hide-input", "nbval-ignore-output"]
falls = {k: v[..., one] / v[..., 0] for k, v in known.items()}
control = asked["i_n"][:, 1] / asked["i_n"][:, 0]
ledger.check("wa-nuisance-02", falls["i_n"].max(axis=0), control=control)
ledger.check("wa-nuisance-03", falls["i_n"][1], limit=falls["i_n"][0], control=control)
lost = 1 - known["i_y"] / known["i_y"][..., :1]
some = betas.index(0.3)
ledger.check("wa-label-01", lost[..., -1].max(axis=0), limit=lost[..., some].max(axis=0), control=1 - falls["i_n"][0])

# %% mystnb={"figure": {"caption": "What the noisy hidden layer knows, against the price of information in the weights: bounds from below for the nuisance and the label, and for the nuisance when the noise is switched off. Points: mean over seeds, bars: range.", "name": "fig-10-nuisance"}, "image": {"alt": "Two panels, bright patch and hidden quadrant, against beta on a logarithmic axis. Label information starts near two nats and bends down for beta above 0.3. Nuisance information about the patch starts at a quarter of a nat and falls to almost nothing; about the hidden quadrant it starts near one nat and falls to half. With the noise off, nuisance information about the patch falls by a third, and that about the quadrant rises up to beta one."}} tags=["hide-input"]
titles = ("bright patch", "hidden quadrant")
labels = dict(xlabel="price of information β", ylabel="bound on information [nats]", xscale="log", sharey=True)
fig, axs = plotting.panels(titles, height=3.6, **labels)
curves = {"i_y": ("about the label", "s"), "i_n": ("about the nuisance", "o")}
curves |= {"quiet_n": ("about the nuisance, noise off", "D")}
for i, ax in enumerate(axs):
    for name, (label, marker) in curves.items():
        plotting.intervals(ax, betas, known[name][i].T, label=label, marker=marker, linestyle="-", linewidth=0.7)
    ax.axhline(np.log(4), color="black", linestyle=":", linewidth=1)
    ax.annotate("log 4", (betas[0], np.log(4)), xytext=(0, 3), textcoords="offset points")
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %% [markdown]
r"""
The nuisance goes as the price rises ({claim}`wa-nuisance-02`). At $\beta = 1$ most of a small patch is forgotten, but
not of a hidden quadrant ({claim}`wa-nuisance-03`), which changes a quarter of the image and with it what the digit
looks like. The label is not spared. It is kept only while $\beta$ is so small that part of the nuisance is kept as well
({claim}`wa-label-01`). Side by side, what has been lost since the smallest $\beta$, in nats:
"""

# %% tags=["nbval-ignore-output"]
about = {"nuisance": "i_n", "label": "i_y"}
spent = {k: (known[k][..., :1] - known[k]).mean(axis=1) for k in about.values()}
columns = {f"{t}: {name}": spent[k][i] for i, t in enumerate(titles) for name, k in about.items()}
table({"β": betas, **columns, "accuracy (patch)": digit["accuracy"][0].mean(axis=0)})

# %% [markdown]
r"""
Of the nuisance a larger share goes, and it goes first. But by $\beta = 1$ the label has lost nats of the same order,
and above it the label pays nearly alone for the patch; the accuracy of the noisy network falls with it. That
sufficiency is kept holds for weak noise only.

Is it the network that has become invariant, or is the nuisance only drowned? With the noise off, at the mean of the
weights, we ask twice. How far do the activations move when the nuisance is moved from place to place in the same image?
And can a probe still read where it is?
"""

# %% tags=["nbval-ignore-output"]
share = digit["moved_quiet"]
rows = {f"{t}: moved": share[i].mean(axis=0) for i, t in enumerate(titles)}
rows |= {f"{t}: I(z;n) ≥": known["quiet_n"][i].mean(axis=0) for i, t in enumerate(titles)}
table({"β, noise off": betas, **rows})

# %% tags=["hide-input", "nbval-ignore-output"]
moved, asked_moved = (x["moved_quiet"][..., at] / x["moved_quiet"][..., 0] for x, at in ((digit, one), (place, 1)))
ledger.check("wa-invariance-01", moved.max(axis=0), control=asked_moved)
ledger.check("wa-invariance-02", falls["quiet_n"].max(axis=0), control=falls["i_n"].max(axis=0))

# %% [markdown]
r"""
The answers differ. The *share* of the activations' variance that the nuisance makes falls ({claim}`wa-invariance-01`),
as {eq}`eq-10-fisher` lets one expect. But what a probe reads from the noiseless activations need not fall: of the patch
most is left, of the hidden quadrant there is *more* ({claim}`wa-invariance-02`). Less of the nuisance is there, and it
can be told as well. So what is bound to be invariant is the channel with its noise. The map, which is what one would
deploy, is less sensitive but hides little.

## Do models with little information generalise better?

Now networks without noise, of three shapes and with two batch sizes. A *mixed* family is trained to the end: two scales
of the start, with and without weight decay, and a share of none, a quarter or half of the labels drawn at random. An
*even* family has true labels, six scales of the start, and more repetitions; each of its networks is also stopped when
its training loss passes a common value, so that neither the fit nor the progress of training can be what is really
seen. The information in the weights is that of the best Gaussian around them, with a prior about zero whose width is
the cheapest for each network.
"""

# %% tags=["hide-input", "nbval-ignore-output"]
shapes, batches = [[8], [24], [12, 12]], [25, 100]
forms = {"hidden": shapes, "batch": batches}
common = dict(seed=seed, n=n_family, inputs=16, rate=1e-2, steps=family_steps)
mixes = dict(decays=[0.0, 1e-2], scales=[1.0, 3.0], noises=[0.0, 0.25, 0.5], target=0.0)
evens = dict(decays=[0.0], scales=[0.5, 1.0, 1.5, 2.0, 3.0, 4.0], noises=[0.0], target=target)
runs = ((seeds, mixes), (range(2 * n_seeds), evens))
mixed, even = (sweep.grid(families.family, {"index": indices, **forms}, **common, **how) for indices, how in runs)
mixed, even = families.pooled(mixed), families.pooled(even)
show("networks of the even family that reached the loss, of all", even["reached"].mean())
there = even["loss"][1][even["reached"] > 0]
show("their training loss there, least and largest", [there.min(), there.max()])

# %% tags=["hide-input", "nbval-ignore-output"]
whole = (mixed, 0, np.ones(mixed["reached"].shape, dtype=bool))
ended = (even, 0, np.ones(even["reached"].shape, dtype=bool))
alike = (even, 1, even["reached"] > 0)
random = np.tile(mixes["noises"], len(shapes) * len(batches) * len(mixes["decays"]) * len(mixes["scales"]))
start = np.tile(evens["scales"], len(shapes) * len(batches))
shape = np.repeat(np.arange(len(shapes)), len(batches) * len(evens["scales"]))


def over(judge, name, what, selection, *groups):
    run, row, masks = selection
    rows = zip(run[name][row], run[what][row], masks, strict=True)
    return np.array([judge(a[m], b[m], *(g[m] for g in groups)) for a, b, m in rows])


# %% tags=["hide-input", "nbval-ignore-output"]
info, error, plain, inside = "information", "test_error", families.concordance, families.within
ledger.check("wa-general-01", over(plain, info, error, whole), control=over(plain, "size", error, whole))
ledger.check("wa-general-02", over(plain, info, error, alike), control=over(plain, "size", error, alike))
chance = partial(families.dealt, seed=seed)
pairs = (("gap", alike, shape), (error, alike, start))
(gaps, same_start), nothing = ([over(judge, info, *pair) for pair in pairs] for judge in (inside, chance))
ledger.check("wa-general-03", gaps, control=nothing[0])
ledger.check("wa-general-05", same_start, control=nothing[1])
parts, by_size = (over(lambda a, _, g: families.share_within(a, g), x, error, alike, shape) for x in (info, "size"))
ledger.check("wa-training-01", parts, control=by_size)

# %% mystnb={"figure": {"caption": "Test error against information in the weights (first seed). Left: the mixed family at the end of training, by the share of random labels. Right: the even family, true labels, each network at the same training loss, by shape.", "name": "fig-10-family"}, "image": {"alt": "Two scatter plots. Left: points for none, a quarter and half of the labels at random form a rising cloud; more random labels lie further right and higher. Right: within and across the three shapes test error rises with information, with scatter."}} tags=["hide-input"]
labels = dict(xlabel="information in the weights [nats]", ylabel="test error")
fig, axs = plotting.panels(("mixed family, end of training", "even family, same training loss"), **labels)
groups = [(whole, random == share, f"{share:g} random labels") for share in mixes["noises"]]
groups += [(alike, alike[2][0] & (shape == i), f"hidden {'-'.join(map(str, h))}") for i, h in enumerate(shapes)]
for k, ((run, row, _), mask, label) in enumerate(groups):
    look = dict(color=plotting.colours(3)[k % 3], marker="osD"[k % 3], linestyle="none", label=label)
    axs[k // 3].plot(run[info][row, 0][mask], run[error][row, 0][mask], **look)
_ = [ax.legend() for ax in axs]

# %% tags=["nbval-ignore-output"]
interval = families.bootstrap(mixed[info][0, 0], mixed[error][0, 0], seed=seed)
show("rank correlation with test error, mixed family, first seed, 95 % interval over networks", interval, digits=2)
by_gap = [over(inside, info, "gap", selection, shape).mean() for selection in (ended, alike)]
show("rank correlation with the gap, even family, same shape: at the end, at the same loss", by_gap, digits=2)

# %% tags=["hide-input", "nbval-ignore-output"]
measures = [info, "fixed", "norm", "trace", "size"]
comparisons = {"mixed, end": (plain, whole), "and same labels": (inside, whole, random)}
comparisons["even, same loss"] = (plain, alike)
comparisons |= {"and same start": (inside, alike, start), "and same shape": (inside, alike, shape)}
taus = {k: [over(judge, m, error, *rest).mean() for m in measures] for k, (judge, *rest) in comparisons.items()}
taus["and same shape"][-1] = "none"
rows = [zip(mixed[m][0], mixed[error][0], mixed["loss"][0], strict=True) for m in measures]
taus["mixed, given its loss"] = [np.mean([families.partial_concordance(*r) for r in row]) for row in rows]
table({"rank correlation with test error": measures, **taus}, digits=2)

# %% [markdown]
r"""
The sentence of the abstract holds here, and not by way of the training loss. In the mixed family less information goes
with less test error ({claim}`wa-general-01`); much of that is the share of random labels, which raises both. In the
even family, with true labels and at the same loss, it still does ({claim}`wa-general-02`). There the scale of the start
is the next suspect, since it moves norm, information and error together; among networks of equal scale the correlation
is weaker and still there ({claim}`wa-general-05`). In the table `fixed` is the information for one prior for all
networks, `norm` its part from the size of the weights, `trace` the trace of the Fisher information, `size` the number
of weights, which predicts nothing or the contrary. Within one architecture and at equal loss information orders the
gaps as well ({claim}`wa-general-03`), at the end of training, where losses differ, much less. And at equal loss and
architecture training still moves the information by much ({claim}`wa-training-01`).

One comparison goes the other way. Along $\beta$, in the noisy networks of the last section, information is charged for
*directly*. The gap between test and training loss closes, but the test loss itself rises ({claim}`wa-general-04`): with
true labels there is little overfitting to save, and all that is taken away is signal.
"""

# %% tags=["nbval-ignore-output"]
from_kl = {"test loss": digit["test_loss"], "gap": digit["test_loss"] - digit["train_loss"]}
along = {k: [[families.concordance(*x) for x in zip(*pair, strict=True)] for pair in zip(digit["kl"], v, strict=True)]
         for k, v in from_kl.items()}  # fmt: skip
ledger.check("wa-general-04", np.max(along["test loss"], axis=0), control=np.min(along["gap"], axis=0))
table(
    {"β (patch)": betas, "KL [nats]": digit["kl"][0].mean(axis=0), **{k: v[0].mean(axis=0) for k, v in from_kl.items()}}
)

# %% [markdown]
r"""
## What this page does not show

- **The papers' own figures.** Their images and networks are larger; we saw no settings, and the occlusion task here has
  eight by eight pixels. Bounds from probes are lower bounds: a better probe may find more, and differently at each
  $\beta$. The better of two is picked on the images that evaluate it, which flatters it by about its sampling error.
- **The propositions as printed.** They were not read, only transcriptions of them. That a form is "as transcribed" says
  nothing about the page.
- **Depth.** The bound over several layers is the smallest of those of its layers and is not tight; we did not test it.
- **Cause.** The families show an order, not an intervention. Weight decay, start and label noise move information and
  error together; which one moves the other is not decided by a rank correlation.
- **Convergence of the noisy networks.** With twice the steps the seed of this page gives the same verdicts and other
  numbers; at the smallest $\beta$ the weights then hold a tenth less. Large $\beta$ can end in the prior from one start
  and not from another.

## Exercises

1. *Which direction is seen?* In a linear layer with independent weight noise of the same size everywhere, which
   direction of the input does the covariance term inform about, and why does the mean term ignore it?
2. *More noise, less information?* Is the information of a noisy layer in one output monotone in $\alpha$ all the way?
   Where does it go for very strong noise?
"""

# %% tags=["hide-input"]
# Exercise 1: S(x) = s |x|^2 I, so only the length of x changes it: the covariance term is 2 m x x^T/|x|^4 ...
x, m = np.array([3.0, 4.0]), 2
noisy = activations.linear_layer(x, 0.1 * np.eye(2 * m))
term = activations.input_fisher(np.eye(m), *noisy).covariance
show("covariance term, and m/2 (2 x/|x|²)(2 x/|x|²)ᵀ", [term, 2 * m * np.outer(x, x) / (x @ x) ** 2])

# %% tags=["hide-input"]
# Exercise 2: it falls all the way, to nothing: g(alpha) ~ e^-alpha / 2.
strong = np.array([0.01, 0.1, 1.0, 3.0, 10.0])
table({"α": strong, "g(α) [nats]": activations.unit_information(strong), "e^-α / 2": np.exp(-strong) / 2})

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %% tags=["nbval-ignore-output"]
ledger.close()

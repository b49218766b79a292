# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Information in the weights

*How many nats about its training set does a network keep in its weights, and what do they depend on?*

Trained weights are numbers with endless digits, so their mutual information with anything is infinite or a matter of
rounding. {cite:t}`achille2019where` ask instead what the weights are *worth*: how many nats must be spent on them to
explain the labels so well. That number depends on a code, and its choice leads to Shannon's information, to Fisher's,
or to what a network can be made to tell. {cite:t}`achille2018emergence` use it to tell learning from memorising:
random labels can be fitted only while a nat of weights is cheap. This page computes the number exactly where that is
possible, measures it where it is not, and decides what the two papers say of it.

One caution belongs at the top. We had the full text of none of the papers: version 5 of {cite:t}`achille2019where` was
known to us through a third party's transcription, the other two through readers' notes. Where a formula below is
introduced with *as we derive it*, the transcribed one differs; both are then put to the same test, and the table at
the end shows both numbers.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
n_seeds = 3  # repetitions: images, labels, initial weights drawn anew [2..20]
networks = 5  # networks trained by gradient descent per setting [5..50]
draws = 4000  # data sets drawn for the average over data [200..100000]
images = [50, 100, 200]  # training images of the label experiments, three numbers, growing [20..500]
many = 1000  # training images of the largest label experiment [100..1200]
steps = 700  # Adam steps of one posterior [50..20000]
warm_steps = 300  # Adam steps from one beta to the next [20..10000]
sgd_images = 1000  # training images of the batch experiment [100..1200]
batches = [8, 32, 128, 500]  # batch sizes, growing [1..1000]
epochs = 30  # passes over the data after which batch sizes are compared [2..500]
batch_level = 0.05  # training loss at which they are compared, nats [0.001..1]
levels = [1e-4, 1e-6]  # training losses at which Hessian and Fisher are compared, falling, nats [1e-9..1]
doublings = 8  # checkpoints of the longest training, the first at 125 steps [2..10]
zigzag_steps = 15000  # SGD steps of the model with one weight [100..100000]
table_level = 0.3  # training loss at which architectures are compared, nats [0.05..2]
table_steps = 2400  # SGD steps of the table [100..50000]

# %% tags=["hide-input"]
import numpy as np

from itdl import claims, label_codes, plotting, sweep, weights
from itdl.show import show, table
from itdl.studies import weight_curvature as curvature
from itdl.studies import weight_formulas as formulas
from itdl.studies import weight_information as study
from itdl.studies import weight_table

plotting.use_style()
ledger = claims.Ledger("09")
seeds, ten = range(n_seeds), np.log(10)

# %% [markdown]
r"""
## The idea in one equation

A code for weights is a distribution $P$, fixed before the data are seen. Spending $\mathrm{KL}(Q\,\|\,P)$ nats, one
may send a draw from $Q(w\,|\,D)$ instead. The trade-off at price $\beta$, with $L_D$ the **summed** negative
log-likelihood of the training labels, is

$$
C_\beta(Q) = \operatorname{E}_{w\sim Q} L_D(w) + \beta\,\mathrm{KL}(Q\,\|\,P),
$$ (eq-09-cost)

and the *information in the weights* is the KL of the $Q$ that minimises it. Over all $Q$ that is
$Q^* \propto P\,e^{-L/\beta}$, with $\min C_\beta = -\beta\log\operatorname{E}_P e^{-L/\beta}$. The smallest case has
two hypotheses, a fair coin and a coin with two heads, equally likely, and three heads on the table. The losses are
$3\log 2$ and $0$, so at $\beta = 1$ the odds are eight to one, and the least cost is the code length of the three
heads, $-\log\tfrac{1}{2}(\tfrac18 + 1)$:
"""

# %%
coins = weights.gibbs([3 * np.log(2), 0], [0.5, 0.5], [1.0, 8.0])
show("odds of two heads at β = 1 and β = 8", coins.posterior[:, 1] / coins.posterior[:, 0])
show("least cost at β = 1, the library", coins.cost[0], "nats", digits=6)
show("least cost at β = 1, by hand    ", -np.log((1 / 8 + 1) / 2), "nats", digits=6)
show("information at β = 1 and β = 8", coins.information, "nats")

# %% [markdown]
r"""
## The case that can be solved: linear regression

Let $y = Xw + \varepsilon$ with $w \sim \mathcal N(0, \lambda^2)$ and noise of variance $\sigma^2$. The prior is then
also the average posterior, and everything is a determinant:

$$
I(w; D) = \operatorname{E}_D \mathrm{KL}(Q\,\|\,P) = \tfrac12\log\det\Big(I + \frac{\lambda^2}{\sigma^2} X^\top X\Big).
$$ (eq-09-regression)

Four things are asked of it. Is the least trade-off at $\beta = 1$ the code length of the labels? Is the information
the slope of that minimum over $\beta$? Is the mutual information the mean KL over data sets, and the mean log ratio of
posterior to prior at the weights that made the data? And does any other prior pay exactly the KL of the average
posterior from it?
"""

# %%
length = sweep.grid(formulas.evidence, {"beta": [0.3, 1.0, 3.0], "index": seeds}, seed=seed, n=30, k=4)
shapes = [(10, 1), (20, 5), (200, 5), (10, 20), (200, 20)]
points = [dict(seed=seed, index=i, n=n, k=k, prior_sd=1.0, noise_sd=1.0, draws=draws) for n, k in shapes for i in seeds]
drawn = sweep.run(formulas.regression, points)
other = sweep.grid(formulas.priors, {"index": seeds}, seed=seed, n=30, k=4, sds=[0.5, 1.0, 2.0, 5.0], draws=draws)
roads = {"formula": "exact", "mean KL": "mean_kl", "mean log ratio": "mean_ratio", "Fisher form": "fisher"}
rows = {text: [run[name] for run in drawn[::n_seeds]] for text, name in roads.items()}
table({"points": [n for n, _ in shapes], "weights": [k for _, k in shapes], **rows})

# %% tags=["hide-input"]
ledger.check("wi-gibbs-01", length["off"][1], control=length["off_mean"][1])
ledger.check("wi-slope-01", length["slope_off"].max(axis=0), control=length["slope_off_half"].min(axis=0))
off = np.reshape([run["errors"] for run in drawn], (len(shapes), n_seeds))
apart = [run["errors_fisher"] for run in drawn[n_seeds : 2 * n_seeds]]
ledger.check("wi-exact-01", off.max(axis=0), control=apart)
alone = other["errors_alone"][:, [0, 2, 3]].min(axis=1)
ledger.check("wi-prior-01", other["errors"].max(axis=1), control=alone)

# %% [markdown]
r"""
All four hold. The last column is the form in which Fisher's information enters, $\tfrac12\log\det(\lambda^2 N F)$; it
does not exist for more weights than points, and falls short by exactly $\tfrac12\sum_j\log(1 + 1/s_j)$, with $s_j$ the
eigenvalues of $\lambda^2 N F$. That gap closes as the data grow, while the information itself grows as
$\tfrac k2\log N$.
"""

# %%
sizes = [2, 5, 10, 20, 50, 200, 2000, 20_000]
five = dict(seed=seed, k=5, prior_sd=1.0, noise_sd=1.0, draws=draws)
growth = sweep.grid(formulas.regression, {"n": sizes, "index": seeds}, **five)

# %% mystnb={"figure": {"caption": "Information of five regression weights about N targets: the exact value (line), the mean KL over data sets (points, bars: range over seeds) and the Fisher form (dashed), which is low where data are few.", "name": "fig-09-regression"}, "image": {"alt": "Information in nats against the number of points on a logarithmic axis. The solid line rises from about half a nat at two points to nineteen at twenty thousand, in a straight line from about fifty points on, with the measured points on it. The dashed Fisher form starts at five points, far below zero, and meets the solid line between two hundred and two thousand points."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="points N", ylabel="information [nats]", xscale="log", ylim=(-8, 20))
plotting.bands(ax, np.array(sizes), growth["exact"].T, label="exact, 1/2 log det(I + λ²NF)")
plotting.intervals(ax, sizes, growth["mean_kl"], label="mean KL over data sets")
seen = np.array(sizes) >= 5
ax.plot(np.array(sizes)[seen], growth["fisher"].mean(axis=1)[seen], "k--", label="Fisher form, 1/2 log det(λ²NF)")
_ = ax.legend()

# %% tags=["hide-input"]
ledger.check("wi-fisher-01", growth["gap"][-1], control=growth["gap"][sizes.index(20)])
slopes = np.diff(growth["exact"][[0, sizes.index(20), sizes.index(2000), -1]], axis=0) / (2.5 * ten)
ledger.check("wi-samples-02", slopes[2], control=slopes[0])

# %% [markdown]
r"""
## A Gaussian about a minimum

For a network $Q$ must be chosen from some family. Take Gaussians $\mathcal N(w, \Sigma)$ about a minimum with Hessian
$H$, and $P = \mathcal N(0, \lambda^2)$. Setting $\tfrac12 H + \tfrac\beta2(\lambda^{-2} - \Sigma^{-1})$ to zero gives,
as we derive it,

$$
\begin{aligned}
\Sigma^* &= \beta\Big(H + \frac{\beta}{\lambda^2} I\Big)^{-1}, \qquad s_j = \frac{\lambda^2 h_j}{\beta}, \\
\mathrm{KL} &= \frac{\lVert w\rVert^2}{2\lambda^2} + \tfrac12\sum_j \Big(\log(1 + s_j) - \frac{s_j}{1 + s_j}\Big).
\end{aligned}
$$ (eq-09-gaussian)

The transcribed covariance has lost the $\tfrac12$ of Taylor's formula and is half as wide in stiff directions; it
costs $\tfrac12\log 2 - \tfrac14$ of $\beta$ more for each of them. For large $s$ the sum ends in $-\tfrac k2$, where
the transcription has $-k$. Neither changes what the paper is about. What does matter in practice: "the log-determinant
of the Fisher information" is the limit of infinite $\lambda$, where flat directions cost $-\infty$; at finite
$\lambda$ they cost nothing, and we always stay there.
"""

# %%
stiff = sweep.grid(formulas.covariance, {"index": seeds}, seed=seed, k=6, prior_sd=2.0, beta=0.01)
show("excess cost of the transcribed covariance, per weight", stiff["excess"].mean(), "β")
show("the same by its closed form", stiff["excess_predicted"].mean(), "β")
exact = weights.gaussian_information(np.zeros(5), 1.0, 1.0, eigenvalues=np.full(5, 1e4)).information
ours, transcribed = (2.5 * np.log(1e4) - constant for constant in (2.5, 5.0))
show("information of 5 stiff weights, with −k/2, with −k", [exact, ours, transcribed], "nats", digits=6)

# %% tags=["hide-input"]
ledger.check("wi-gauss-01", stiff["gradient"], control=stiff["gradient_printed"])
ledger.check("wi-gauss-02", abs(exact - ours) / 5e-4, control=abs(exact - transcribed) / 5e-4)
nadal = sweep.grid(formulas.data_in_weights, {"index": seeds}, seed=seed, d=2, k=4, beta=0.001)
ledger.check("wi-brunel-01", nadal["rest"], control=nadal["rest_printed"])
ledger.check("wi-brunel-02", nadal["moved"], control=nadal["log_fisher_moved"])

# %% [markdown]
r"""
Between the two readings stands a formula after {cite:t}`brunel1998mutual`: if the weights follow the data as $w^*(D)$
up to noise $\beta F^{-1}$, then as we derive it
$I(w; D) \approx H(D) - \tfrac12\log\frac{(2\pi e\beta)^d}{|A^\top F A|}$ with $A = dw^*/dD$. It corrects a common
reading. A flat minimum alone does not mean little information: $|F|$ depends on the units in which a weight is
measured ({claim}`wi-brunel-02`), $|A^\top F A|$ does not, and along flat directions the minimum moves *more* when the
data change.

## What random labels cost

For labels drawn evenly among $K$ classes there is a bound that no network can pass. A code cannot beat the entropy of
what it sends, so averaged over labels $\min C_1 \ge N\log K$; and for $\beta \ge 1$ the cost is larger still. The
uniform code attains $N\log K$ with no weights at all. Hence **beyond $\beta = 1$ no code for random labels pays,
whatever the network, $P$ and $Q$**. The exchange rate of a solution, nats of loss saved for a nat of weights, is
$(N\log K - \operatorname{E}L)/\mathrm{KL}$, and the largest rate, $\beta^*$, is where memorising stops. A look-up
table has rate 1: $\log K$ nats per label buy a loss of zero. A weight of its own for each of two-valued labels,
$Q = \mathcal N(\pm m, s^2)$, comes as close to 1 as one likes, but only by saying almost nothing:
"""

# %%
ratios = [0.05, 0.5, 1.0, 2.0, 4.0]
loss, nats = np.array([label_codes.one_hot_code(ratio) for ratio in ratios]).T
rate = (np.log(2) - loss) / nats
table({"m / s": ratios, "nats of weight": nats, "nats of loss": loss, "exchange rate": rate}, digits=4)

# %% [markdown]
r"""
Networks are worse codes. Mean-field Gaussian posteriors of a network with 32 hidden units are trained on digits for
every $\beta$, share of random labels and seed at once, the prior's scale learned in each layer.
"""

# %%
betas, shares = [0.01, 0.03, 0.1, 0.3, 1.0], [0.0, 0.5, 1.0]
axes = {"n": images, "index": seeds}
runs = sweep.grid(study.over_beta, axes, seed=seed, fractions=shares, betas=betas, steps=steps)
accuracy, per_label = runs["accuracy"], runs["kl"] / np.reshape(images, (-1, 1, 1, 1))

# %% mystnb={"figure": {"caption": "Training accuracy of mean-field posteriors against the price of a nat, for true, half random and random labels of digits (mean over seeds, bands: range). Random labels are given up first, within a decade of beta.", "name": "fig-09-labels"}, "image": {"alt": "Three panels for 50, 100 and 200 images, accuracy against beta on a logarithmic axis. In each, all curves start at one and drop to a tenth by beta one. Random labels drop between three hundredths and three tenths, half random labels at about the same place, true labels later; with 200 images true labels are still mostly fitted at beta three tenths."}} tags=["hide-input"]
names = ("true labels", "half random", "random labels")
axis = dict(xlabel="β", xscale="log", ylabel="training accuracy", ylim=(0, 1.03))
fig, axs = plotting.panels([f"N = {n}" for n in images], sharey=True, **axis)
for ax, panel in zip(axs, accuracy, strict=True):
    for kind, (name, colour) in enumerate(zip(names, plotting.colours(3), strict=True)):
        plotting.bands(ax, np.array(betas), panel[:, kind], label=name, color=colour, marker="osD"[kind])
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %% [markdown]
r"""
Training from scratch at each $\beta$ may stop at the prior although something better exists. So we also walk: each
posterior starts from that of the neighbouring $\beta$, first upwards, then back. Where the two ways differ, the
cheaper one counts.
"""

# %%
warm = [0.01, 0.03, 0.1, 0.18, 0.3, 0.56, 1.0], [0.1, 0.3, 1.0, 2.0, 4.0, 8.0]
walk = dict(seed=seed, models=n_seeds, fractions=[0.0, 1.0], steps=warm_steps)
settings = [dict(walk, n=images[1], betas=warm[0]), dict(walk, n=many, betas=warm[1], batch=many // 5)]
few, most = sweep.run(study.annealed, settings)

# %% mystnb={"figure": {"caption": "Information per label along beta, rising (solid) and falling (dashed): mean over seeds, bands: range. Left 100 images, right 1000. Dotted: beta = 1, beyond which no code for random labels pays.", "name": "fig-09-walk"}, "image": {"alt": "Two panels, KL per label against beta, both axes logarithmic. For 100 images the curve of random labels lies above that of true labels at small beta and drops first, near three tenths going up and near a tenth going back; true labels keep half a nat or more up to beta one, going up and back. For 1000 images true labels keep information up to beta eight, while random labels lose it below one."}} tags=["hide-input"]
axis = dict(xlabel="β", xscale="log", ylabel="KL per label [nats]", yscale="log", ylim=(1e-3, 60))
fig, axs = plotting.panels([f"N = {images[1]}", f"N = {many}"], sharey=True, **axis)
for ax, run, n, prices in zip(axs, (few, most), (images[1], many), warm, strict=True):
    for kind, (name, colour) in enumerate(zip(names[::2], plotting.colours(3)[::2], strict=True)):
        for branch, style in enumerate(("-", "--")):
            label = f"{name}, β {('rising', 'falling')[branch]}"
            line = dict(label=label, color=colour, linestyle=style, marker="oD"[kind])
            plotting.bands(ax, np.array(prices), np.maximum(run["kl"][branch, kind].T / n, 1e-9), **line)
    ax.axvline(1, color="black", linestyle=":", linewidth=1)
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% tags=["hide-input", "nbval-ignore-output"]
cold = [label_codes.beta_star(runs["loss"][i], runs["kl"][i], n * ten, floor=n / 10) for i, n in enumerate(images)]
best = [
    label_codes.beta_star(run["loss"].swapaxes(2, 3), run["kl"].swapaxes(2, 3), n * ten, floor=n / 10).max(axis=0)
    for run, n in ((few, images[1]), (most, many))
]
stars = {name: [*(c[:, 2 * k] for c in cold), best[0][k], best[1][k]] for k, name in enumerate(names[::2])}
where = [*images, f"{images[1]}, walking", f"{many}, walking"]
table({"images": where, **{f"β*, {name}": [float(s.mean()) for s in star] for name, star in stars.items()}})

# %% tags=["hide-input", "nbval-ignore-output"]
fall = accuracy[1:, :, 2, betas.index(0.03)] - accuracy[1:, :, 2, -1]
kept = most["accuracy"][0, 0]
ledger.check("wi-random-01", fall.min(axis=0), control=kept[0] - kept[warm[1].index(1.0)])
at_random = np.max(stars["random labels"], axis=0)
ledger.check("wi-random-02", at_random, control=stars["true labels"][-1])
both = np.maximum(np.max(stars["random labels"][1:3], axis=0), best[0][1])
ledger.check("wi-random-03", both, limit=rate[0], control=rate[ratios.index(2.0)])
random_kept = most["accuracy"][0, 1, warm[1].index(1.0)]
ledger.check("wi-real-01", most["test"][0, 0, warm[1].index(4.0)], control=random_kept)

# %% [markdown]
r"""
Random labels go first, within a decade of $\beta$, and below $\beta = 1$ ({claim}`wi-random-01`,
{claim}`wi-random-02`); with a thousand images true labels still pay at $\beta = 4$ ({claim}`wi-real-01`). But random
labels do **not** go *near* 1: for each nat it saves, the network spends several: $\beta^*$ is {measured}`wi-random-02`
in the largest case. Near 1 is where an ideal code would go ({claim}`wi-random-03`). The walk shows two more things:
the transition has hysteresis, so a single training run does not locate it; and the true-label threshold grows with the
number of images.

How much is kept depends on how much there is to be memorised, and on how often the same structure is seen. (The
published increase for random labels is about three nats a label; codes differ, so ours is not held against it,
{claim}`wi-noise-02`.)
"""

# %% tags=["nbval-ignore-output"]
at = betas.index(0.01)
columns = {f"{name}, KL per label": per_label[:, :, k, at].mean(axis=1) for k, name in enumerate(names)}
table({"images, β = 0.01": images, **columns})

# %% tags=["hide-input", "nbval-ignore-output"]
more = [np.diff(per_label[1, :, :, b], axis=-1).min(axis=-1) for b in (at, -1)]
ledger.check("wi-noise-01", more[0], control=more[1])
ratio = [kl[1:, :, 0, at] / kl[:-1, :, 0, at] for kl in (per_label, runs["kl"])]
ledger.check("wi-samples-01", ratio[0].max(axis=0), control=ratio[1].min(axis=0))

# %% [markdown]
r"""
{cite:t}`achille2018emergence` also report that the test error is U-shaped in $\beta$ and flat in the number of
weights. With 30 % random labels one arm of the U is missing here: a posterior at the smallest $\beta$ predicts true
labels no worse than any other.
"""

# %% tags=["nbval-ignore-output"]
prices = [1e-4, 0.01, 0.1, 0.3, 1.0]
noisy = dict(seed=seed, n=images[-1], fractions=[0.3], betas=prices, steps=steps)
arms = sweep.grid(study.over_beta, {"index": range(8)}, **noisy)["test"][:, 0]
table({"β": prices, "test accuracy, 30 % random labels": arms.mean(axis=0)})
others = arms.sum(axis=0) - arms
tuned = arms[np.arange(len(arms)), 1 + others[:, 1:].argmax(axis=1)]
ledger.check("wi-beta-01", tuned - arms[:, 0], control=tuned - arms[:, -1])

# %% [markdown]
r"""
## Along training

For an ordinarily trained network the matrix in {eq}`eq-09-gaussian` is the Hessian, or the Fisher information
$F = \frac1N\sum_i J_i^\top(\operatorname{diag} p_i - p_i p_i^\top)J_i$, which no label enters. Without hidden layer
the two are the same; for networks they differ by a term that the residuals carry. A small network is trained until its
loss is a millionth, with both matrices computed exactly at every checkpoint.
"""

# %% tags=["nbval-ignore-output"]
checkpoints = [0, 20, 50, *(125 * 2**i for i in range(doublings))]
small = dict(n=200, components=10, width=6, classes=4, rate=1e-2, checkpoints=checkpoints)
(long,) = sweep.run(curvature.over_time, [dict(seed=seed, models=networks, **small)])
gaps = {k: [curvature.matched(long["loss"], long[k], level) for level in levels] for k in ("relative", "absolute")}
show("relative gap at both losses", np.mean(gaps["relative"], axis=1))
show("accuracy from the second last checkpoint on", long["accuracy"][-2:].min())

# %% mystnb={"figure": {"caption": "A small network on digits, trained far beyond its last error (mean over networks, bands: range). Left: the Fisher trace falls with the loss. Right: the information of the same weights, for the prior that costs least and for a fixed one.", "name": "fig-09-time"}, "image": {"alt": "Two panels against training steps on a logarithmic axis. Left, on a logarithmic scale: trace of the Fisher information stays near five and then falls by four to five powers of ten, in parallel to the training loss. Right: information at the best prior rises slightly to forty nats and then falls towards zero, while information at the fixed prior then rises all the way to about two hundred nats."}} tags=["hide-input"]
time = np.array(checkpoints[1:])
fig, axs = plotting.panels(["curvature and loss", "information"], xlabel="training steps", xscale="log")
for key, name, style in (("trace", "tr F", "-"), ("loss", "training loss [nats]", "--")):
    plotting.bands(axs[0], time, long[key][1:].T, label=name, linestyle=style)
for key, name, style in (("information", "best prior", "-"), ("information_fixed", "prior of deviation 1", "--")):
    plotting.bands(axs[1], time, long[key][1:].T, label=name, linestyle=style)
axs[0].set(yscale="log", ylabel="tr F, loss [nats]")
axs[1].set(yscale="log", ylabel="information [nats]")
_ = [ax.legend() for ax in axs]

# %% tags=["hide-input", "nbval-ignore-output"]
ledger.check("wi-hessian-01", long["linear"], control=long["relative"][0])
shrunk = {k: gaps[k][1] / gaps[k][0] for k in gaps}
ledger.check("wi-hessian-02", shrunk["relative"], control=shrunk["absolute"])
fitted, end = long["fitted"], long["trace"][-1]
ledger.check("wi-time-01", fitted / end, control=fitted / long["restored"])
ledger.check("wi-time-02", long["restored"] / fitted, control=end / fitted)

# %% [markdown]
r"""
The Fisher information falls by orders of magnitude while not one prediction changes ({claim}`wi-time-01`). It is not
forgetting: multiply all outputs by the one number that brings the earlier loss back, and a share of the curvature is
back that is no longer small, {measured}`wi-time-02` of it ({claim}`wi-time-02`). A confident softmax is a flat one.
The right panel adds a warning that goes with every number on this page: *the* information of these weights falls to
nothing or grows without end, depending on whether the prior's scale may follow.

### Small batches

Figure 4 of {cite:t}`achille2019where` has smaller Fisher traces for smaller batches, after the same number of epochs.
A batch of 8 then has made sixty times as many steps as one of 500. So we compare twice: after the same epochs, and at
the same loss.
"""

# %%
checks = [150, 300, 600, 1200, 2400]
sgd = dict(seed=seed, models=networks, n=sgd_images, width=32, epochs=epochs)
descents = sweep.grid(curvature.batches, {"batch": batches}, rate=0.2, checkpoints=checks, **sgd)
lasts = descents["last"].astype(int)

# %% tags=["hide-input", "nbval-ignore-output"]
after, ends = (np.array([x[last] for x, last in zip(descents[k], lasts, strict=True)]) for k in ("trace", "loss"))
cells = zip(descents["loss"], descents["trace"], strict=True)
same = np.array([curvature.matched(*cell, batch_level) for cell in cells])
columns = {"loss, same epochs": ends, "tr F, same epochs": after, "tr F, same loss": same}
table({"batch": batches, **{name: values.mean(axis=1) for name, values in columns.items()}})

# %% mystnb={"figure": {"caption": "Trace of the Fisher information against batch size: after the same number of epochs, and where the training loss is the same (mean over networks, bars: range). What batch size does is mostly a matter of steps.", "name": "fig-09-batch"}, "image": {"alt": "Fisher trace against batch size on a logarithmic axis. After the same number of epochs it rises from about one at batch 8 to nearly ten at batch 500. At the same training loss it is level at about three, a few percent lower at batch 8."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="batch size", ylabel="tr F", xscale="log")
plotting.intervals(ax, batches, after, label=f"after {epochs} epochs", linestyle="-")
plotting.intervals(ax, batches, same, label=f"at training loss {batch_level:g}", linestyle="-", marker="s")
ax.set_ylim(0)
_ = ax.legend()

# %% tags=["hide-input", "nbval-ignore-output"]
steps_up = [(x[1:] / x[:-1]).min(axis=0) for x in (after, same)]
ledger.check("wi-batch-01", steps_up[0], control=steps_up[1])
ledger.check("wi-batch-02", same[-1] / same[0], control=after[-1] / after[0])

# %% [markdown]
r"""
The figure reproduces, its reading does not ({claim}`wi-batch-02`). Nor does that of the paper's figure 3: a model with
one weight $\theta$, whose mean is a zigzag of $\theta$, steep near zero. Small batches drive $\theta$ out of the steep
part, and the KL of one run's posterior from the mixture over all runs falls. But that KL also counts *which run* it
was. Averaged over runs of the same data, which is what $I(\theta; D)$ means, the information does not fall.
"""

# %%
axes = {"batch": [100, 1], "index": seeds}
toy = sweep.grid(formulas.zigzag, axes, seed=seed, steps=zigzag_steps)
readings = {"log_fisher": "E log F", "estimate": "KL of one run", "information": "I(θ; D)"}
table({"batch": axes["batch"], **{text: toy[name].mean(axis=1) for name, text in readings.items()}})

# %% tags=["hide-input"]
falls = {name: toy[name][0] - toy[name][-1] for name in readings}
ledger.check("wi-batch-03", falls["information"], control=falls["estimate"])

# %% [markdown]
r"""
## What the number depends on

The abstract ends by saying that all this hinges not only on the architecture but also on how it is trained. One table:
a network on digits (averaged over squares of four pixels, 300 of them), everything else changed one at a time, at
$\beta = 1$ and the common prior that costs least. The first two columns are taken where the training loss has one and
the same value, the others when training stops.
"""

# %%
groups = weight_table.REFERENCE, weight_table.ARCHITECTURES, weight_table.TRAININGS, weight_table.DATA
kinds = {name: change for group in groups for name, change in group.items()}
stops = [table_steps // 2**i for i in range(7, -1, -1)]
base = dict(seed=seed, models=n_seeds, n=300, widths=[16], level=table_level, checkpoints=stops)
found = sweep.run(weight_table.dependence, [base | change for change in kinds.values()])
changed = dict(zip(kinds, found, strict=True))

# %% tags=["nbval-ignore-output"]
heads = {"information_matched": "nats, same loss", "trace_matched": "tr F", "information": "nats, end"}
heads |= {"trace": "tr F, end", "loss": "loss, end", "test": "test accuracy"}
columns = {text: [float(run[name].mean()) for run in found] for name, text in heads.items()}
table({"changed": list(kinds), **columns})

# %% tags=["hide-input", "nbval-ignore-output"]
nats = {name: np.array([run["information_matched"], run["information"]]) for name, run in changed.items()}
architecture, training = (
    np.exp(np.ptp(np.log([nats[name] for name in ("width 16", *group)]), axis=0)) for group in groups[1:3]
)
repeated = np.exp(np.ptp(np.log(nats["width 16"][0])))
ledger.check("wi-depends-01", architecture[0], control=repeated)
ledger.check("wi-depends-02", training[0], limit=training[1], control=repeated)
errors = np.array([1 - changed[name]["test"].mean() for name in ("width 8", "width 16", "width 64")])
ledger.check("wi-width-01", errors[-1] - errors.min(), control=arms.mean(axis=0).max() - arms[:, -1].mean())
ratios = [architecture[0].mean(), training[0].mean(), repeated, architecture[1].mean(), training[1].mean()]
show("largest over smallest, same loss: architectures, training, repetitions", ratios[:3])
show("largest over smallest, at the end: architectures, training", ratios[3:])

# %% [markdown]
r"""
Half of the sentence is plain: at the same loss deeper networks hold more ({claim}`wi-depends-01`). The other half is
true of networks that were stopped after the same number of steps. At the same loss, batch, learning rate, optimiser
and weight decay matter no more than a new draw of images and initial weights ({claim}`wi-depends-02`): what these ways
of training change is how far one gets, and with it everything else. One label in ten drawn at random does more than
any of them. What a comparison holds fixed must be said with it: where training stops, the order of the depths is
another.

## What this page does not show

- **The networks of the papers**: convolutional ones on CIFAR-10. Ours are perceptrons on small digits; sizes of
  effects do not carry over.
- **The true minimum.** Mean-field Gaussians are one family. Their KL is an upper bound on what a better code would
  need.
- **One scale for all nats.** Values with different priors or families do not compare, and a learned prior scale is not
  charged (one number a layer).
- **Generalisation.** Whether low information makes networks generalise and their representations invariant is asked in
  the next chapter.
- **Escape from sharp minima** (temperature against sharpness, in section 2 of the paper) is not tested.

## Exercises

1. *Temperature.* What is left of the effect of the batch at the same loss: does it grow with the learning rate, as a
   temperature would?
2. *The wrong limit.* The log-determinant of the Fisher information is what remains for a prior that is infinitely
   wide. What happens to the information of one and the same network on the way there?
3. *Memorising by gradient descent.* How does the Fisher trace depend on the share of random labels, when nearly
   all of them are fitted?
"""

# %% tags=["hide-input", "nbval-ignore-output"]
# Exercise 1: it does.
rates, again = [0.1, 0.2, 0.4], dict(epochs=1, checkpoints=[200, 400, 800, 1600, 3200])
extremes = {"rate": rates, "batch": [batches[0], batches[-1]]}
hot = sweep.grid(curvature.batches, extremes, **(sgd | again))
rows = [zip(*row, strict=True) for row in zip(hot["loss"], hot["trace"], strict=True)]
pairs = [[curvature.matched(*cell, batch_level) for cell in row] for row in rows]
excess = [float((large / little).mean() - 1) for little, large in pairs]
table({"learning rate": rates, "excess of tr F at the largest batch": excess})

# %% tags=["hide-input"]
# Exercise 2: it grows without end, by one nat for each weight whenever the prior is e times wider.
widths = [1.0, 10.0, 100.0, 1e4, 1e6]
stiffness = np.geomspace(1e-3, 1e3, 20)
wide = [weights.gaussian_information(np.ones(20), width, 1.0, eigenvalues=stiffness).information for width in widths]
table({"prior deviation": widths, "information of 20 weights [nats]": wide})

# %% tags=["hide-input", "nbval-ignore-output"]
# Exercise 3: it grows with it, and so does the loss that is left; both have to be reported.
noise = dict(seed=seed, n=300, fractions=[0.0, 0.25, 0.5, 0.75, 1.0], width=64, batch=32, rate=0.2)
memory = sweep.grid(curvature.label_noise, {"index": seeds}, checkpoints=[table_steps], **noise)
shown = {name: memory[name][:, 0].mean(axis=0) for name in ("accuracy", "loss", "trace", "test")}
table({"random share": noise["fractions"], **shown})

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %% tags=["nbval-ignore-output"]
ledger.close()

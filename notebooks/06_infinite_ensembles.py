# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Information in infinite ensembles

*What does a network know about its input, its labels and its training set, when every one of these numbers can be
computed?*

Mutual information in an ordinary trained network is infinite or a matter of binning. {cite:t}`shwartzziv2020information`
look at a family in which it is neither: the **ensemble** of all random initialisations of an **infinitely wide**
network, trained by gradient flow on squared loss. At every training time its output is a Gaussian with known mean and
covariance, so information about the input, the labels, the data set and the parameters becomes a formula. This page
derives nothing it does not check: it re-runs the paper's figures, decides each of its statements, and corrects those
formulas that do not survive. All verdicts are in the table at the end; every equation number is that of the PMLR version.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
n_seeds = 5  # repetitions: teacher, training and test inputs drawn anew [2..20]
d = 10  # input dimension [2..100]
n_train = 170  # training points [20..5000]
n_test = 1000  # test inputs, the batch N of the sample bounds [50..5000]
information = 0.447  # I(X;Y) of the Gaussian task, nats [0.01..5]
sigma_b = 0.1  # standard deviation of the biases [0..2]
depth = 2  # hidden layers [1..6]
sigma_w = [1.5, 1.0, 0.75, 0.5, 0.25, 0.1]  # standard deviations of the weights, falling [0.05..3]
depths = [1, 2, 3, 4]  # hidden layers of the depth sweep [1..8]
d_descent = 10  # input dimension of the multiple-descent sweep, which goes to 2.1 C(d + 3, 3) points [2..15]
sizes = [10, 20, 40, 80, 160, 320, 640]  # training points of the sample-size sweep [5..5000]
widths = [2, 32, 256]  # hidden width of the finite networks, growing [2..1024]
models = 300  # finite networks per width [50..5000]
digits_train = 400  # training images of the digits task [50..1500]

# %% tags=["hide-input"]
from math import comb

import numpy as np

from itdl import claims, encoders, gaussian, plotting, sweep
from itdl.ensembles import InfiniteEnsemble
from itdl.show import show, table
from itdl.studies import ensemble_formulas as formulas
from itdl.studies import infinite_ensembles as study

plotting.use_style()
ledger = claims.Ledger("06")
seeds, both = range(n_seeds), ["relu", "erf"]
task = dict(seed=seed, d=d, m=n_test, information=information, sigma_b=sigma_b)
times = study.clock(-2, 18, 81)

# %% [markdown]
r"""
## The idea in one equation

A network that is wide enough moves linearly in its parameters, along the kernel $\Theta = J J^\top$ of its gradients
({cite:t}`jacot2018neural`), which stays what it was at initialisation. Before training its outputs are Gaussian with
covariance $K$ ({cite:t}`lee2018deep`). Gradient flow for a time $\tau$ on $\tfrac12\sum_i (z_i - y_i)^2$ therefore takes
a draw $z_0$ of the ensemble to

$$
\begin{aligned}
z_\tau(x) &= z_0(x) - b(x)^\top \big(z_0(X) - Y\big), \\
b(x)^\top &= \Theta(x, X)\,\Theta^{-1}\big(I - e^{-\tau\Theta}\big),
\end{aligned}
$$ (eq-06-flow)

and a linear map of a Gaussian is a Gaussian. The smallest case is one training point: then $b$ is the single number
$\frac{\Theta(x, x_1)}{\Theta(x_1, x_1)}\big(1 - e^{-\tau\Theta(x_1, x_1)}\big)$, and the mean at $x$ is $b\,y_1$. Here
both are written out for a network without hidden layers, whose two kernels are $\sigma_w^2\,x x' + \sigma_b^2$:
"""

# %%
architecture = dict(depth=0, activation="erf", sigma_w=1.0, sigma_b=0.5)
one = InfiniteEnsemble([[2.0]], [3.0], **architecture)
theta, cross = 2 * 2 + 0.5**2, 1 * 2 + 0.5**2
show("mean at x = 1, τ = 0.1, by hand    ", cross / theta * (1 - np.exp(-0.1 * theta)) * 3, digits=6)
show("mean at x = 1, τ = 0.1, the library", one.predict([[1.0]], [0.1]).mean, digits=6)

# %% [markdown]
r"""
## Do real networks obey it?

Finite networks of growing width are trained by the same gradient flow (Runge-Kutta, all of them at once) on four points
of a sphere in four dimensions, and compared at three test points with {eq}`eq-06-flow`. Three more things can be held
against the closed form: the inner products of the gradients, which the recursion for $\Theta$ predicts; the Fisher information
$\operatorname{tr} J J^\top$, which should not move; and the distance that the parameters travel,
$\operatorname{E}\lVert\theta_\tau - \theta_0\rVert^2 = \sum_i e_i^2 (K_{ii} + y_i^2)/\lambda_i$ in the eigenbasis of
$\Theta$, with $e_i = 1 - e^{-\tau\lambda_i}$.
"""

# %%
small = dict(seed=seed, sigma_w=1.5**0.5, sigma_b=0.05**0.5, depth=2, d=4, n=4)
flow = dict(small, activation="erf", m=3, tau=2.0, steps=8)
axes = {"width": widths, "index": seeds}
wide = sweep.grid(formulas.finite_networks, axes, models=models, **flow)
axes = {"width": [4, 512], "index": seeds}
probe = sweep.grid(formulas.finite_networks, axes, models=8, probed=8, **flow)

# %% tags=["hide-input"]
falls = [study.pooled_ratio(wide[name][0], wide[name][-1]) for name in ("error", "error_slip")]
ledger.check("ntk-law-01", wide["excess"][-1], control=wide["excess_slip"][-1])
ledger.check("ntk-law-02", falls[0], control=falls[1])
ledger.check("ntk-fisher-01", probe["fisher_change"][1], control=probe["fisher_change"][0])
ledger.check("ntk-kernel-02", probe["ntk_error"][1], control=probe["ntk_error_slip"][1])
ledger.check("ntk-law-04", wide["distance"][-1], control=wide["distance_slip"][-1])

# %% mystnb={"figure": {"caption": "Finite erf networks against the infinite ensemble: root mean square deviation of mean and variance, relative change of the Fisher trace, and distance of the empirical kernel, against width. Points: mean over seeds, bars: range. The deviation levels off at the sampling noise of a few hundred networks, about a tenth; the dashed line falls like one over the square root of the width.", "name": "fig-06-width"}, "image": {"alt": "Log-log plot against hidden width, three sets of points. The change of the Fisher trace and the distance of the empirical kernel from its limit fall steadily, at least as fast as the dashed guide of slope minus one half. The deviation of means and variances falls too and levels off near a tenth."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="hidden width", ylabel="relative deviation", xscale="log", yscale="log")
plotting.intervals(ax, widths, wide["error"], label="mean and variance of the outputs")
plotting.intervals(ax, widths, wide["fisher_change"], label="change of the Fisher trace", marker="s")
plotting.intervals(ax, widths, wide["ntk_error"], label="empirical kernel at start", marker="D")
ax.plot(widths, wide["error"][0].mean() * np.sqrt(widths[0] / np.array(widths)), "k--", label="width$^{-1/2}$")
_ = ax.legend()

# %% [markdown]
r"""
They obey it: at the largest width every mean and variance lies within its allowance ({claim}`ntk-law-01`, in units of
that allowance {measured}`ntk-law-01`), and a theory with one misplaced square is caught.

## Formulas, each by a second road

Before any figure, the formulas. The kernel recursion is repeated by quadrature, the covariance of two test points by
sampling, the expected log-likelihood by sampling, and both sample bounds on $I(X;Z)$ on a Gaussian channel whose
information is known. Two printed forms fail: read as a *joint* covariance, the cross term of eq. 6 must be
$M + M^\top$ with $M = b^\top K(X, x')$, as we derive it; and eq. 10 has the signs of its quadratic terms turned.
"""

# %%
kernel = sweep.grid(formulas.erf_kernel, {"index": seeds}, **small)
sampled = dict(small, activation="erf", m=4, tau=2.0, draws=100_000)
joint = sweep.grid(formulas.covariance, {"index": seeds}, **sampled)
normal = sweep.grid(formulas.log_likelihood, {"index": seeds}, seed=seed, draws=100_000)
ledger.check("ntk-kernel-01", kernel["error"], control=kernel["error_slip"])
ledger.check("ntk-law-03", joint["error_printed"], control=joint["error"])
ledger.check("ntk-loss-01", normal["error_printed"], control=normal["error"])

# %%
noise = [1.0, 0.1, 0.01]
axes = {"noise": noise, "index": range(40)}
channel = sweep.grid(formulas.channel, axes, seed=seed, n=500)
below, above = channel["exact"] - channel["lower"], channel["upper"] - channel["exact"]
in_errors = [40**0.5 * x.mean(axis=1) / x.std(axis=1) for x in (below, above)]
ledger.check("ntk-bound-03", np.min(in_errors), control=-np.max(in_errors))
means = {name: values.mean(axis=1) for name, values in channel.items()}
table({"noise": noise, **means})

# %% [markdown]
r"""
The lower bound (InfoNCE, {cite:t}`oord2018representation`) is never above $\log N$; the upper one, which leaves the true
partner out ({cite:t}`poole2019variational`), runs away as the information nears that ceiling. Below we therefore use a
third bound. At given covariance the Gaussian has the largest entropy, so

$$
I(X;Z\,|\,D) \le \tfrac12\log\big(\operatorname{Var}\mu + \operatorname{E}\Sigma\big)
  - \tfrac12\operatorname{E}\log\Sigma .
$$ (eq-06-entropy)

## Loss over time (the paper's figure 1)

The task is the paper's: $X$ standard normal, $Y$ a noisy linear function of it, $I(X;Y)$ known exactly. The clock
is the paper's too, $t = n\tau$. Sample size and dimension are stated nowhere in the paper; ours are small, so that every
curve can be drawn for several seeds. The loss is $-\operatorname{E}\log q(y\,|\,z)$ with the decoder
$q = \mathcal N(z, 1)$, averaged exactly over the label noise of the test set.
"""

# %%
axes = {"activation": both, "sigma_w": sigma_w, "index": seeds}
figures = dict(task, depth=depth, n=n_train, times=times.tolist())
plane = sweep.grid(study.curves, axes, sampled=8, **figures)
lowest, final = plane["loss"].min(axis=-1), plane["loss"][..., -1]
overfit, training = final - lowest, plane["train_loss"]

# %% mystnb={"figure": {"caption": "Expected test loss of infinite ensembles over training time, one curve for each standard deviation of the weights (mean over seeds, band: range). After figure 1 of the paper.", "name": "fig-06-loss"}, "image": {"alt": "Two panels, ReLU and erf, test loss against training time on a logarithmic axis. In both panels every curve falls from about 2.1 or more to a minimum near 1.5, later for smaller sigma_w. ReLU curves then rise slightly to plateaus between 1.5 and 1.8; erf curves rise the later and the higher the smaller sigma_w is, to between 4 and 6 for the two smallest."}} tags=["hide-input"]
lines = {"ReLU": plane["loss"][0], "erf": plane["loss"][1]}
options = dict(xlabel="training time t = n k τ", xscale="log", ylabel="test loss [nats]")
options |= dict(ylim=(1.38, 8), yscale="log", yticks=[1.5, 2, 3, 4, 6, 8])
_ = plotting.families(times, lines, sigma_w, name="$\\sigma_w$", height=3.8, **options)

# %% tags=["hide-input"]
middle, smaller = sigma_w.index(0.5), sigma_w.index(0.25)
worse = [(lowest[:, i] - lowest[:, middle]).min(axis=0) for i in (0, smaller)]
ledger.check("ntk-loss-02", worse[0], control=worse[1])
never = training[..., -1] - training.min(axis=-1)
ledger.check("ntk-loss-03", overfit[:, 1:].min(axis=(0, 1)), control=never.max(axis=(0, 1)))
rises = np.diff(final[:, 1:], axis=1).min(axis=1)
ledger.check("ntk-loss-04", rises[1], control=rises[0])
ledger.check("ntk-loss-05", final[0, -1] - final[0, 1], control=final[1, -1] - final[1, 1])
torn = sweep.grid(study.conflict, {"index": seeds}, activation="relu", sigma_w=0.5, depth=depth, n=n_train, **task)
ledger.check("ntk-loss-06", training[..., -1].max(axis=(0, 1)), control=torn["train_loss"])

# %% [markdown]
r"""
All of the paper's figure is there ({claim}`ntk-loss-02` to {claim}`ntk-loss-06`): the underfitting at the largest $\sigma_w$, the early minimum, the mild rise of ReLU
and the blow-up of erf. How large the blow-up is depends on sample size and dimension, and not smoothly; that is settled
further down.

## The information plane (the paper's figure 2)

The same runs, time now hidden: what the representation $Z$ knows about the input, against what it knows about the
label. The dashed line is the optimum for this task, the Gaussian information bottleneck of {cite:t}`chechik2005information`,

$$
I(Z;Y) = -\tfrac12\log\big(1 - \rho^2(1 - e^{-2 I(X;Z)})\big), \qquad \rho^2 = 1 - e^{-2 I(X;Y)},
$$ (eq-06-frontier)

and nothing can lie above it.
"""

# %% mystnb={"figure": {"caption": "The information plane with the decoder of the paper, q(y|z) = N(z, 1): trajectories (first seed) from untrained at the left to fully trained (large markers). Horizontal: maximum-entropy bound. After figure 2 of the paper.", "name": "fig-06-plane"}, "image": {"alt": "Two panels, ReLU and erf. Every trajectory starts at zero information about the input, below the axis, climbs towards the dashed optimum as information about the input grows, touches its neighbourhood and then turns down while moving further right. The smaller sigma_w, the further right a trajectory ends: from about one nat to more than nine for ReLU and thirteen for erf. None crosses the dashed line."}} tags=["hide-input"]
spent = np.linspace(0, 10, 200)
frontier = spent, gaussian.frontier(study.joint_covariance(information), 1, spent)
names = ("ReLU", "erf")
first = {name: (plane["i_x_upper"][i, :, 0], plane["i_y_fixed"][i, :, 0]) for i, name in enumerate(names)}
look = dict(name="$\\sigma_w$", height=3.8, xlim=(0, 10), ylim=(0, 0.47))
_ = plotting.information_plane(first, frontier, sigma_w, **look)

# %% tags=["hide-input"]
late, early = plane["i_x_upper"][..., -1], plane["i_x_upper"][..., 0]
grown = [np.ptp(plane[name][..., -9:], axis=-1).max(axis=(0, 1)) for name in ("i_x_upper", "kl")]
ledger.check("ntk-plane-01", grown[0], control=grown[1])
share = late / np.log(n_test)
wide_enough = share[:, np.array(sigma_w) >= 0.5].max(axis=(0, 1))
ledger.check("ntk-plane-02", share.max(axis=(0, 1)), limit=wide_enough, control=share[:, -1].min(axis=0))
ledger.check("ntk-plane-04", np.diff(late, axis=1).min(axis=(0, 1)), control=np.diff(early, axis=1).min(axis=(0, 1)))
ledger.check("ntk-bound-04", plane["i_x_loo"][0, -1] / late[0, -1], control=plane["i_x_loo"][0, 0] / late[0, 0])

# %% [markdown]
r"""
The horizontal axis is sandwiched: at the end of training the sampled lower bound (InfoNCE, $N$ test inputs) meets the
maximum-entropy one as long as both stay well below $\log N$. The leave-one-out estimate breaks down first.
"""

# %%
ends = {"InfoNCE": plane["i_x_lower"][0, ..., -1], "maximum entropy": late[0]}
ends |= {"leave-one-out": plane["i_x_loo"][0]}
table({"ReLU, σ_w": sigma_w, **{name: ends[name].mean(axis=1) for name in ends}})

# %% tags=["hide-input"]
gap = {name: plane["frontier"] - plane[f"i_y_{name}"] for name in ("fixed", "calibrated")}
best = plane["loss"].argmin(axis=-1)[..., None]
at_best = np.take_along_axis(gap["fixed"], best, axis=-1)[..., 0]
mixed = sweep.grid(study.curves, {"activation": both, "index": seeds}, sigma_w=0.5, shuffled=True, **figures)
best = mixed["loss"].argmin(axis=-1)[..., None]
lost = np.take_along_axis(mixed["frontier"] - mixed["i_y_fixed"], best, axis=-1)[..., 0]
near = at_best[:, np.array(sigma_w) <= 1].max(axis=(0, 1))
ledger.check("ntk-plane-03", at_best.max(axis=(0, 1)), limit=near, control=lost.min(axis=0))
ranks = [study.rank_correlation(late[i], overfit[i]) for i in (0, 1)]
at_start = study.rank_correlation(early[1], overfit[1])
ledger.check("ntk-plane-05", np.minimum(*ranks), limit=ranks[1], control=at_start)

# %% [markdown]
r"""
The information stays finite for ever ({claim}`ntk-plane-01`) and $\sigma_w$ sets it ({claim}`ntk-plane-04`). That it is
*small* needs its setting: {measured}`ntk-plane-02` of $\log N$ at most for $\sigma_w \ge \tfrac12$, but beyond it for
the smallest. At the time of best loss the ensembles come within {measured}`ntk-plane-03` of the optimum, those with
$\sigma_w \le 1$ ({claim}`ntk-plane-03`). And overfitting follows the complexity of the representation for erf
networks only ({claim}`ntk-plane-05`).

## Which decoder?

$I(Z;Y)$ is not read off the network: it is bounded through a decoder. $H(Y)$ minus the loss of the fixed decoder
$\mathcal N(z, 1)$ is a **lower** bound (eq. 11 prints the sign of an upper one). The best affine decoder costs nothing
more and gives $I(Z;Y) \ge -\tfrac12\log(1 - \rho^2)$, with $\rho$ the correlation of label and output. It changes the
picture: until the loss is best, the ensemble moves *along* the frontier, and only {measured}`ntk-plane-08` of the gap
is left ({claim}`ntk-plane-08`).
"""

# %% mystnb={"figure": {"caption": "One ensemble family (erf, first seed), two decoders: the fixed one of figure 2 and the best affine one.", "name": "fig-06-decoder"}, "image": {"alt": "Two panels of the information plane for erf networks. Left, fixed decoder: trajectories enter from below and reach the dashed optimum only near their top. Right, calibrated decoder: all trajectories rise along the dashed optimum from zero on, leave it only when they begin to overfit, and fall less steeply."}} tags=["hide-input"]
trajectories = {name: (plane["i_x_upper"][1, :, 0], plane[f"i_y_{name}"][1, :, 0]) for name in gap}
decoders = {"fixed decoder": trajectories["fixed"], "best affine decoder": trajectories["calibrated"]}
_ = plotting.information_plane(decoders, frontier, sigma_w, **look)

# %% tags=["hide-input"]
fixed, affine = plane["i_y_fixed"], plane["i_y_calibrated"]
# On the test inputs themselves both steps are exact: H(Y) and I(X;Y) are theirs, not the population's.
variance = plane["y_var_test"][..., None]
own = 0.5 * np.log(2 * np.pi * np.e * variance)
ladder = np.minimum(affine - (own - plane["loss"]), 0.5 * np.log(variance) - affine)
in_bits = own / np.log(2) - plane["loss"]  # H(Y) in bits, the loss in nats
ledger.check("ntk-bound-01", fixed[..., 0].max(axis=(0, 1)), control=information)
ledger.check("ntk-bound-02", ladder.min(axis=(0, 1, 3)), control=(affine - in_bits).min(axis=(0, 1, 3)))
until = np.arange(len(times)) <= plane["loss"].argmin(axis=-1)[..., None]
counted = until & (plane["i_x_upper"] > 0.3)
left, whole = (np.where(counted, gap[name], 0).max(axis=(0, 1, 3)) for name in ("calibrated", "fixed"))
ledger.check("ntk-plane-08", left / whole, control=whole / whole)

# %% [markdown]
r"""
## Depth and sample size

Two sweeps with $\sigma_w = \tfrac34$: over the number of hidden layers, and over the number of training points. More
data lift the whole trajectory and end further to the right, at *more* information about the input and a *lower* loss.
"""

# %%
sweeps = dict(task, sigma_w=0.75, times=times.tolist())
axes = {"activation": both, "depth": depths, "index": seeds}
deep = sweep.grid(study.curves, axes, n=n_train, **sweeps)
axes = {"activation": both, "n": sizes, "index": seeds}
sized = sweep.grid(study.curves, axes, depth=depth, **sweeps)
losses = {f"{a}, best loss": deep["loss"][i].min(axis=-1) for i, a in enumerate(names)}
losses |= {f"{a}, final loss": deep["loss"][i, ..., -1] for i, a in enumerate(names)}
table({"hidden layers": depths, **{name: seen.mean(axis=1) for name, seen in losses.items()}})

# %% mystnb={"figure": {"caption": "Trajectories (mean over seeds, fixed decoder) for training sets of different size, two hidden layers.", "name": "fig-06-size"}, "image": {"alt": "Two panels of the information plane, ReLU and erf, one trajectory per training-set size. With ten points the trajectory hardly rises; each doubling lifts it towards the dashed optimum and moves its end to the right, until 640 points touch the optimum."}} tags=["hide-input"]
mean = {name: sized[name].mean(axis=2) for name in ("i_x_upper", "i_y_fixed")}
by_size = {name: (mean["i_x_upper"][i], mean["i_y_fixed"][i]) for i, name in enumerate(names)}
_ = plotting.information_plane(by_size, frontier, sizes, **(look | dict(name="n", xlim=(0, 6))))

# %% tags=["hide-input"]
axes = {"n": [sizes[0], sizes[-1]], "index": seeds}
dealt = sweep.grid(study.curves, axes, activation="relu", depth=depth, shuffled=True, **sweeps)
top, chance = sized["i_y_fixed"].max(axis=-1), dealt["i_y_fixed"].max(axis=-1)
ledger.check("ntk-size-01", (top[:, -1] - top[:, 0]).min(axis=0), control=chance[-1] - chance[0])
start, end = sized["i_x_upper"][..., 0], sized["i_x_upper"][..., -1]
more = [(x[:, -1] - x[:, 0]) for x in (end, start)]
ledger.check("ntk-size-02", more[0].min(axis=0), control=more[1].max(axis=0))
over_sigma = [study.rank_correlation(late[i], final[i]) for i in (0, 1)]
over_size = study.rank_correlation(end[0], sized["loss"][0, ..., -1])
ledger.check("ntk-size-03", np.min([*over_sigma, over_size], axis=0), limit=over_sigma[1], control=over_size)

# %% [markdown]
r"""
So compression, generalisation and sample size are related, but not by one law. Across $\sigma_w$, on one training set,
erf ensembles that keep less about the input end with a lower loss; ReLU ensembles do not; and across sample sizes the
sign turns ({claim}`ntk-size-03`).

Two laws can be asked of every run. No ensemble rises above the frontier, at any time and depth. And with the training
set of the figures the information about the input **never falls**: in a family where it can be computed, there is no
compression phase.
"""

# %% mystnb={"figure": {"caption": "Information about the input over training time: maximum-entropy upper bound (lines, band: range over seeds) and InfoNCE lower bound (markers). Dashed: log N, the ceiling of InfoNCE.", "name": "fig-06-compression"}, "image": {"alt": "Two panels, ReLU and erf, information about the input against training time on a logarithmic axis. Every curve rises in steps and then stays level; none ever falls. Smaller sigma_w rises later and higher, from about one nat to nine for ReLU and thirteen for erf. Markers of the lower bound lie on the lines except above the dashed line at 6.9, where they saturate."}} tags=["hide-input"]
upper = {name: plane["i_x_upper"][i] for i, name in enumerate(names)}
options = dict(xlabel="training time t = n k τ", xscale="log", ylabel="I(X;Z|D) [nats]")
fig, axs = plotting.families(times, upper, sigma_w, name="$\\sigma_w$", height=3.8, **options)
for ax, lower in zip(axs, plane["i_x_lower"].mean(axis=2), strict=True):
    ax.set_prop_cycle(color=plotting.colours(len(sigma_w)), marker=list(plotting.MARKERS[: len(sigma_w)]))
    ax.plot(times[::8], lower.T, linestyle="none")
    ax.axhline(np.log(n_test), color="black", linestyle="--", linewidth=1)

# %% tags=["hide-input"]
gaps = [(run["frontier"] - run["i_y_calibrated"]).min(axis=-1).reshape(-1, n_seeds) for run in (plane, deep)]
halved = gaussian.frontier(study.joint_covariance(information, share=0.5), 1, np.maximum(plane["i_x_upper"], 0))
ledger.check("ntk-plane-06", np.vstack(gaps).min(axis=0), control=(halved - affine).min(axis=(0, 1, 3)))
climbs = [run["i_x_upper"] for run in (plane, deep)]
down, back = (
    np.vstack([study.largest_fall(x[..., ::turn]).reshape(-1, n_seeds) for x in climbs]).max(axis=0) for turn in (1, -1)
)
few = dict(sweeps, activation="erf", depth=depth)
axes = {"n": [2 * d, 3 * d, 4 * d], "index": range(4 * n_seeds)}
scarce = study.largest_fall(sweep.grid(study.curves, axes, **few)["i_x_upper"])
# To a thousandth: below is the rounding of late ensembles.
ledger.check("ntk-plane-07", max(scarce.max(), down.max()).round(3), limit=down.round(3), control=back)

# %% [markdown]
r"""
That law has its setting ({claim}`ntk-plane-07`). With only two to four training points per dimension some erf ensembles
*lose* information late in training. It is no artefact of the bound: the exact information, by quadrature, falls as far.
"""

# %%
row, column = np.unravel_index(scarce.argmax(), scarce.shape)
worst = study.exact_fall(index=int(column), n=axes["n"][row], **few)
share = (scarce > 0.005).mean(axis=1)
table({"training points": axes["n"], "share that loses": share, "largest fall": scarce.max(axis=1)})
show("largest fall, exact", worst["exact"], "nats", digits=2)

# %% [markdown]
r"""
### Why erf blows up

The final loss of erf ensembles does not grow steadily with more data. It has peaks, where the number of training points
meets the number of linear ($d + 1$) and of cubic ($\binom{d+3}{3}$) features of the input: an odd activation learns odd
polynomials, and at each of these sizes the least-squares fit is as ill-conditioned as it gets. This is the multiple
descent of kernel regression, and it decides how high the curves of figure 1b climb.
"""

# %%
cubic = comb(d_descent + 3, 3)
shares = [round(share * cubic) for share in (0.25, 0.42, 0.7, 1, 1.4, 2.1)]
grid = sorted({5, d_descent + 1, 2 * d_descent, 4 * d_descent, *shares})
late_only = dict(task, d=d_descent, sigma_w=0.25, depth=depth, times=[1e17])
blow = sweep.grid(study.tracks, {"activation": both, "n": grid, "index": seeds}, **late_only)
heights = np.log(blow["loss"][..., 0])
excess = heights[:, grid.index(cubic)] - heights[:, [grid.index(shares[1]), grid.index(shares[-1])]].max(axis=1)
ledger.check("ntk-size-04", excess[1], control=excess[0])

# %% mystnb={"figure": {"caption": "Test loss at infinite time against the number of training points, sigma_w = 0.25; points: mean over seeds, bars: range. Dotted: the numbers of linear and of cubic features.", "name": "fig-06-descent"}, "image": {"alt": "Log-log plot of final test loss against training points. ReLU falls gently all the way from about 2.3 to 1.5. Erf has a first peak at eleven points, falls back to about 2, rises to a second and higher peak of about 12 at 286 points and falls again."}} tags=["hide-input"]
logs = dict(xscale="log", yscale="log", yticks=[1.5, 2, 3, 5, 10, 20])
fig, (ax,) = plotting.panels([""], xlabel="training points n", ylabel="final test loss [nats]", **logs)
for row, label, marker in zip(blow["loss"][..., 0], names, "os", strict=True):
    plotting.intervals(ax, grid, row, label=label, marker=marker, linestyle="-", linewidth=0.6)
for features, label in ((d_descent + 1, "d + 1"), (cubic, "C(d + 3, 3)")):
    ax.axvline(features, color="black", linestyle=":", linewidth=1)
    ax.annotate(label, (features * 1.03, 0.97), xycoords=("data", "axes fraction"), va="top")
_ = ax.legend()

# %% [markdown]
r"""
## What the parameters know (the paper's figure 4)

$I(\theta; D)$ is at most the KL divergence of the trained from the initial parameters, averaged over data sets (eq. 20
prints the other direction). For a model that is linear in its parameters that KL is Gaussian algebra, and it decides
the formula. As we derive it, with $e_i = 1 - e^{-\tau\lambda_i}$ for the eigenvalues $\lambda_i$ of $\Theta$,

$$
\mathrm{KL} = \tau \operatorname{tr}\Theta - \sum_i e_i
  + \tfrac12 \operatorname{E}\lVert\theta_\tau - \theta_0\rVert^2 ,
$$ (eq-06-kl)

where eq. 27 prints no $\sum_i e_i$ and no $\tfrac12$. The difference is not small: the printed KL grows linearly from
the start, the true one quadratically.
"""

# %%
linear = sweep.grid(formulas.linear_model, {"index": seeds}, seed=seed, d=12, n=8, tau=1.0)
off = {name: np.abs(linear[name] / linear["kl_exact"] - 1) for name in ("kl", "kl_printed")}
above = linear["information_dense"] - linear["kl_average"]
ledger.check("ntk-param-02", off["kl_printed"], control=off["kl"])
ledger.check("ntk-param-03", linear["slope"], control=linear["slope_printed"])
ledger.check("ntk-param-04", above, control=-above)
shown = ("kl_exact", "kl", "kl_printed", "information", "information_dense")
table({name.replace("_", ", "): linear[name] for name in shown})

# %% [markdown]
r"""
For networks with hidden layers {eq}`eq-06-kl` is the *kernel part*: the curvature of the network adds a term of order
one, $\tfrac12\operatorname{E}\operatorname{tr}\big(\sum_n a_n \nabla^2 z_n\big)^2$ with $a = \Theta^{-1}(I - e^{-\tau\Theta})r_0$,
which the paper and we leave out. Late in training it does not matter; early it can be seen to be missing
({claim}`ntk-param-05`). The printed bound on the path length (eq. 16) fails as well: it takes the mean of $\int\lVert\cdot\rVert^2$ for that of $(\int\lVert\cdot\rVert)^2$; a
factor $\tau$ (Cauchy-Schwarz) repairs it.
"""

# %% tags=["hide-input"]
end_of = sweep.grid(formulas.late, {"index": seeds}, activation="erf", m=10, draws=500, **small)
ledger.check("ntk-path-01", np.abs(end_of["path_rest"]), control=end_of["kl_rest"])
ledger.check("ntk-param-01", end_of["kl_slope"], control=end_of["output_slope"])
alone = sweep.grid(formulas.point, {"index": seeds}, seed=seed, kernel=0.1, draws=2000)
ledger.check("ntk-path-02", alone["printed"], control=alone["repaired"])
at = [int(np.abs(np.log(times / t)).argmin()) for t in (1e1, 1e3, 1e5, 1e12)]
chain = np.stack([plane["i_data"] - plane["i_labels"], plane["kl"] - plane["i_data"]])[..., at]
weakest, backwards = chain.min(axis=(0, 1, 2)), -chain.max(axis=(0, 1, 2, 4))
ledger.check("ntk-param-05", weakest.min(axis=-1), limit=weakest[:, 1:].min(axis=-1), control=backwards)

# %% mystnb={"figure": {"caption": "Four quantities about the training set over training time, σ_w = 0.5 (mean over seeds): the exact information of one output about the label noise, the KL of outputs and parameters from initialisation, and, for comparison, the information about a test input.", "name": "fig-06-chain"}, "image": {"alt": "Two panels, ReLU and erf, both axes logarithmic. All curves rise. The exact information of an output about the label noise lies lowest and levels off; the KL of the outputs runs above it and levels off too; the KL of the parameters runs above both and keeps growing in a straight line. The information about a test input levels off early."}} tags=["hide-input"]
one = sigma_w.index(0.5)
kinds = {"i_labels": ("I(Z; label noise), exact", "-"), "i_data": ("KL of outputs", "--")}
kinds |= {"kl": ("KL of parameters", "-."), "i_x_upper": ("I(X;Z|D), upper bound", ":")}
limits = dict(ylim=(1e-3, 1e9), xlim=(1e-2, 1e12), ylabel="nats")
fig, axs = plotting.panels(names, sharey=True, xlabel="training time t = n k τ", xscale="log", yscale="log", **limits)
for i, ax in enumerate(axs):
    for name, (label, style) in kinds.items():
        ax.plot(times, plane[name][i, one].mean(axis=0), style, label=label)
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
r"""
What one output knows about the training set has a limit; what the parameters know has none ({claim}`ntk-param-01`), since
ever finer differences of the initial parameters are forgotten at a constant rate. The rate of the part of the KL that
depends on the data has two peaks, one for each cluster of eigenvalues, and the dip between them falls where the test
loss is lowest ({claim}`ntk-param-06`).
"""

# %%
fine = study.clock(-1, 18, 77)
fourth = dict(task, depth=depth, n=n_train, times=fine.tolist())
axes = {"sigma_w": [0.25, sigma_w[0]], "activation": both, "index": seeds}
track = sweep.grid(study.tracks, axes, **fourth)
pairs = [[(track["drift"][0, i, j], track["loss"][k, i, j]) for j in seeds] for k in (0, 1) for i in (0, 1)]
dips = np.array([[study.dip_distance(fine, *pair) for pair in row] for row in pairs])
ledger.check("ntk-param-06", dips[:2].max(axis=0), control=dips[2:].min(axis=0))

# %% mystnb={"figure": {"caption": "What the parameters know (first seed, sigma_w = 0.25): the KL as we derive it and as eq. 27 prints it, the rate of its data-dependent part, and the test loss. After figure 4 of the paper.", "name": "fig-06-parameters"}, "image": {"alt": "Two panels, ReLU and erf, logarithmic time axis. The derived KL rises with slope two, flattens into a bend and rises again with slope one; the printed one has slope one from the start and lies above. The rate of the data-dependent part has two peaks with a dip between them, and the test loss is lowest near the dip."}} tags=["hide-input"]
limits = dict(ylim=(1e-4, 1e8), xlim=(1e-1, 1e10))
fig, axs = plotting.panels(names, sharey=True, xlabel="training time t = n k τ", xscale="log", yscale="log", **limits)
kinds = {"kl": ("KL, as derived [nats]", "-"), "kl_printed": ("KL, eq. 27 as printed [nats]", "--")}
kinds |= {"drift": ("rate of its data part [nats/τ]", "-."), "loss": ("test loss [nats]", ":")}
for i, ax in enumerate(axs):
    for name, (label, style) in kinds.items():
        ax.plot(fine, track[name][0, i, 0], style, label=label)
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
r"""
## Real data: parity of handwritten digits

Figure 3 of the paper is the parity of MNIST digits with convolutional ensembles; neither the data nor its settings are
at hand ({claim}`ntk-mnist-01`). The small digits of {cite:t}`alpaydin1998optical` and fully-connected ensembles ask the
same question. For labels $\pm1$ the paper's axis, $\log 2$ minus the squared-error loss, is no bound: it gives a positive
value for an output that is identically zero. The logistic decoder $q(y\,|\,z) = 1/(1 + e^{-2 s y z})$ sums to one; its
scale $s$ is fitted on one half of the held-out images and its bound measured on the other.
"""

# %%
scales, shorter = [1.0, 0.5, 0.25, 0.1], study.clock(-2, 16, 25)
image = dict(seed=seed, sigma_b=sigma_b, depth=depth, n=digits_train, times=shorter.tolist())
axes = {"activation": both, "sigma_w": scales, "index": seeds}
parity = sweep.grid(study.digits, axes, **image)
random = sweep.grid(study.digits, {"index": seeds}, activation="relu", sigma_w=1.0, shuffled=True, **image)
right = {f"{a}, accuracy": parity["accuracy"][i, ..., -1].mean(axis=1) for i, a in enumerate(names)}
known = {f"{a}, best I(Z;Y)": parity["i_y"][i].max(axis=-1).mean(axis=1) for i, a in enumerate(names)}
table({"σ_w": scales, **right, **known})

# %% tags=["hide-input"]
risen, risen_at_random = (run["loss"][..., -1] - run["loss"].min(axis=-1) for run in (parity, random))
ledger.check("ntk-digits-01", risen[0].max(axis=0), control=risen_at_random)
ledger.check("ntk-digits-02", risen[1, -1], control=risen[0, -1])
silent, labels = np.zeros((1, 2, 1)), np.array([1.0, -1.0])
printed = np.log(2) - (encoders.gibbs_loss(silent, silent[..., 0], labels) - 0.5 * np.log(2 * np.pi))
logistic = encoders.logistic_label_information(silent, silent[..., 0], labels, 1.0)
ledger.check("ntk-digits-03", printed, control=logistic)

# %% mystnb={"figure": {"caption": "Information plane of the parity of digits with the logistic decoder (first seed); dashed: the entropy of the label, log 2.", "name": "fig-06-digits"}, "image": {"alt": "Two panels, ReLU and erf. Trajectories rise from zero to about 0.63 nats, just under the dashed line at 0.69, and then run flat to the right as information about the input grows; erf trajectories with small sigma_w sink slightly at their end, ReLU trajectories do not."}} tags=["hide-input"]
ceiling = np.linspace(0, 14, 2), np.full(2, np.log(2))
on_digits = {name: (parity["i_x_upper"][i, :, 0], parity["i_y"][i, :, 0]) for i, name in enumerate(names)}
shape = dict(height=3.8, ylim=(-0.02, 0.75), best="entropy of the label")
_ = plotting.information_plane(on_digits, ceiling, scales, name="$\\sigma_w$", **shape)

# %% [markdown]
r"""
ReLU ensembles gain nothing from early stopping on the digits ({claim}`ntk-digits-01`), erf ensembles with a small
$\sigma_w$ do ({claim}`ntk-digits-02`): the sentence of the paper's figure 3, in small.

## Double precision, or nothing

The eigenvalues of the erf kernel span many decades when $\sigma_w$ is small. In single precision the smallest are lost
in rounding, and with them the late part of the curve. Code that the first author published later runs in the default
single precision; whether the curve that leaves the axis of figure 1b is multiple descent, rounding, or both, the
sources cannot tell.
"""

# %%
late_erf = dict(task, activation="erf", depth=depth, n=n_train, t=1e16)
axes = {"sigma_w": [sigma_w[-1]], "index": seeds}
precision = sweep.grid(study.single_precision, axes, **late_erf)
lost = {bits: (precision[f"lost{bits}"][0] > 0).astype(float) for bits in (32, 64)}
ledger.check("ntk-float-01", lost[32], control=lost[64])
off = np.abs(precision["error32"][0] / precision["error64"][0] - 1)
table({"seed": list(seeds), "float64": precision["error64"][0], "float32 off by half": off >= 0.5})

# %% [markdown]
r"""
## What this page does not show

- **Settings.** Sample size, input dimension, teacher and seeds of the figures are stated nowhere; the scales of the task
  are inferred from heights in figures 1 and 2. Absolute values of figure 4 are not compared, its axes are placed by hand.
- **MNIST and convolutions** were not run.
- **The curvature term** of the parameters' KL is left out, and the corrections above are checked against the PMLR
  version only; a later arXiv revision may have made some of them.
- **Several outputs** are covered by the library and its tests, not by a claim.
- Every information is about the ensemble: none of it is a statement about one network.

- **One family of priors and one loss.** Squared error, Gaussian initialisation, full-batch gradient flow: nothing here
  says what cross-entropy, momentum or finite batches do.

## Exercises

1. *A single network.* Where on the information plane is an ensemble whose members all start from the same parameters?
   What does the formula for $I(X;Z\,|\,D)$ do, and why?
2. *More data against earlier stopping.* Is the best loss at $n$ points ever reached by stopping later with $n/2$?
"""

# %% tags=["hide-input"]
# Exercise 1: without spread over initialisations Z is a function of X, and the bound grows without limit.
spread = [1.0, 1e-2, 1e-4, 1e-8]
mean = np.random.default_rng(seed).standard_normal((1, n_test, 1))
bound = [encoders.max_entropy_bound(mean, np.full((1, n_test), variance))[0] for variance in spread]
table({"variance over the ensemble": spread, "bound on I(X;Z|D) [nats]": bound})

# %% tags=["hide-input"]
# Exercise 2: never here; the best loss falls with every doubling of n, in the mean over seeds.
lowest_by_size = sized["loss"].min(axis=-1).mean(axis=2)
table({"training points": sizes, "best loss, ReLU": lowest_by_size[0], "best loss, erf": lowest_by_size[1]})

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %%
ledger.close()

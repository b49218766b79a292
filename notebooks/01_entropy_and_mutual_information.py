# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Entropy and mutual information

*How unsure is a prediction, what does one thing tell about another, and which data should a model ask for next?*

One quantity answers all three. This page builds it from a single throw of a die, proves its laws on random tables by
trying to break them, and then takes it to a network that reads handwritten digits: which images is it unsure about, is
it right to be sure, what does its inner representation share with the labels, and which labels would help it most.
Introductions to deep learning say things about these questions in one sentence each. Some of the sentences are true,
some only in a setting they do not name, and one is false in an instructive way.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
n_seeds = 5  # repetitions: everything drawn anew [5..20]
throws = 20000  # throws of the die [100..]
trials = 200  # random joint distributions for each repetition [10..]
source = "digits"  # the images, handwritten digits or clothes {digits|fashion_mnist}
n_train = 400  # training images of a classifier [50..60000]
n_test = 1000  # its test images [100..10000]
hidden = 64  # its hidden units [2..1024]
epochs = 60  # passes over its training images [1..500]
runs = 60  # runs in the plane for each repetition [2..500]
pool = 200  # points to choose from in the plane [20..2000]
n_ensembles = 24  # repetitions of the choice among images [5..100]
members = 8  # networks in an ensemble [2..50]
rounds = 12  # rounds of ten labels each [1..50]
candidates = 600  # clean images to choose from [100..20000]

# %% tags=["hide-input"]
import numpy as np
from scipy.special import softmax

from itdl import acquisition, claims, entropy, plotting, sweep
from itdl.show import show, table
from itdl.studies import choosing_data as choosing
from itdl.studies import entropy_laws as laws
from itdl.studies import predictions

plotting.use_style()
ledger = claims.Ledger("01")
seeds = range(n_seeds)

# %% [markdown]
r"""
## Surprise

An event of probability $p$ is a **surprise** of $\log\frac1p$: nothing at all when it had to happen, more the rarer it
is, and two independent surprises add up because their probabilities multiply. **Entropy** is the surprise to be
expected,

$$
H(X) = \sum_x p(x) \log\frac{1}{p(x)} .
$$ (eq-01-entropy)

With the natural logarithm the unit is the **nat**; one **bit**, the surprise of a fair coin, is $\log 2$ nats.

The smallest interesting case is a loaded die that shows its first face half of the time and each of the other five
with probability one tenth. A first face surprises by $\log 2$, any other by $\log 10$, and each happens half of the
time:
"""

# %%
die = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1]
show("by hand     ", 0.5 * np.log(2) + 0.5 * np.log(10), "nats", digits=5)
show("the library ", entropy.entropy(die), "nats", digits=5)
show("a fair die  ", np.log(6), "nats", digits=5)
show("in bits, both", entropy.bits([float(entropy.entropy(die)), np.log(6)]), "bits")

# %% [markdown]
r"""
Is it what happens? Twenty thousand throws, the surprise of each written down, and the mean taken. Beside it, somebody
who believes the die to be fair writes down $\log 6$ every time: that is the **cross-entropy** of the two beliefs, and
it is too much. Being wrong about the odds costs, and what it costs beyond the entropy is the **relative entropy**
$D(p\,\Vert\,q) = \sum_x p(x)\log\frac{p(x)}{q(x)}$.
"""

# %%
thrown = sweep.grid(laws.die, {"index": seeds}, seed=seed, p=die, throws=throws)
ledger.check("ent-surprise-01", thrown["own"], control=thrown["fair"])

# %% mystnb={"figure": {"caption": "Entropy of a coin that shows heads with probability p, in nats. The dashed line is its largest value, one bit; dots mark a fair coin, one that shows heads in one of ten throws, and a certain one. Right: the two parts that add up to it, surprise times probability of heads and of tails.", "name": "fig-01-coin"}, "image": {"alt": "Two panels over the probability of heads from zero to one. Left: an arch that starts at zero, reaches log 2, about 0.69 nats, at one half, and falls back to zero; dots at zero, at one tenth near 0.33, and at one half. Right: two mirrored humps, one for heads that peaks left of one half, one for tails that peaks right of it."}} tags=["hide-input"]
p = np.linspace(0, 1, 201)
marks = np.array([0, 0.1, 0.5])
fig, (left, right) = plotting.panels(["a coin", "its two parts"], height=2.9, xlabel="p(heads)", ylim=(0, 0.75))
left.plot(p, entropy.binary_entropy(p))
left.plot(marks, entropy.binary_entropy(marks), "o", color="black")
left.axhline(np.log(2), color="black", linestyle="--", linewidth=1)
left.set_ylabel("entropy [nats]")
for share, label in ((p, "heads"), (1 - p, "tails")):
    right.plot(p, -share * np.log(np.maximum(share, 1e-300)), label=label)
_ = right.legend()

# %% [markdown]
r"""
## Two things at once

Write $p(x,y)$ for a table of two variables. Three entropies belong to it: of the whole table, $H(X,Y)$; of one
margin, $H(X)$; and of $Y$ when $X$ is known, the average over $X$ of the entropy of its row, $H(Y|X)$. What knowing
$X$ takes off the uncertainty of $Y$ is the **mutual information**

$$
\begin{aligned}
I(X;Y) &= H(Y) - H(Y|X) = H(X) - H(X|Y) \\
&= H(X) + H(Y) - H(X,Y) .
\end{aligned}
$$ (eq-01-information)

By hand: two bits that are equal three times out of four. Each alone is a fair coin. Know one, and the other is a coin
of one in four:
"""

# %%
pair = [[3 / 8, 1 / 8], [1 / 8, 3 / 8]]
by_hand = np.log(2) + 0.25 * np.log(0.25) + 0.75 * np.log(0.75)
show("H(Y) - H(Y|X) by hand", by_hand, "nats", digits=5)
show("the library          ", entropy.mutual_information(pair), "nats", digits=5)

# %% [markdown]
r"""
That is all there is to define. Everything else follows, and can be tried on tables nobody chose: two hundred random
joint distributions of three variables for each repetition, dense and sparse. Each law is given beside a slip that
sounds alike and is wrong, so that the test is seen to bite.

- Nothing is more uncertain than the uniform distribution ({claim}`ent-max-01`).
- Being told $Y$ does not make $X$ more uncertain, *on average* ({claim}`ent-given-01`). A single value of $Y$ can.
- Entropy and information add up along a chain ({claim}`ent-chain-01`, {claim}`ent-chain-02`):
  $H(X,Y) = H(X) + H(Y|X)$ and $I(X,Y;Z) = I(X;Z) + I(Y;Z|X)$.
- **Data processing** ({claim}`ent-process-01`): whatever is computed from $Y$ alone, by a rule or with the help of
  dice, tells no more about $X$ than $Y$ does. A layer of a network knows no more than the layer below it.
"""

# %%
tried = sweep.grid(laws.laws, {"index": seeds}, seed=seed, trials=trials)
ledger.check("ent-max-01", tried["uniform"], control=tried["uniform_slip"])
ledger.check("ent-given-01", tried["given"], control=tried["given_slip"])
ledger.check("ent-chain-01", tried["chain"], control=tried["chain_slip"])
ledger.check("ent-chain-02", tried["parts"], control=tried["parts_slip"])
ledger.check("ent-process-01", tried["processing"], control=tried["processing_slip"])

# %% [markdown]
r"""
One thing is *not* a law. Entropy can only fall when more is known, but mutual information can rise. Toss two fair
coins $X$ and $Y$: they tell nothing of each other. Let $Z$ say whether they differ. Who knows $Z$ and $X$ knows $Y$,
a whole bit of it, though no two of the three share anything. In a chain $X - Y - Z$ the rise cannot happen.
"""

# %%
xor, chain = laws.three_bits("xor"), laws.three_bits("chain")
pairwise = [entropy.mutual_information(xor.sum(axis=axis)) for axis in (2, 1, 0)]
show("I(X;Y), I(X;Z), I(Y;Z)", pairwise, "nats")
given = [entropy.conditional_mutual_information(q) - entropy.mutual_information(q.sum(axis=2)) for q in (xor, chain)]
ledger.check("ent-given-02", given[0] / np.log(2), control=given[1] / np.log(2))

# %% [markdown]
r"""
## A channel

The same table seen as a **channel**: a bit goes in, a bit comes out, and with probability $\varepsilon$ it is flipped
on the way. What arrives of a fair bit is $I(X;Y) = \log 2 - h(\varepsilon)$, with $h$ the entropy of a coin. Step
through $\varepsilon$: at one half the output has nothing to do with the input; beyond it, a channel that mostly lies
is as good as one that mostly tells the truth.
"""

# %% mystnb={"figure": {"caption": "The binary symmetric channel with a fair input. Left: joint probabilities of input (rows) and output (columns). Right: the information that passes, over the probability of a flip. Step through that probability.", "name": "fig-01-channel"}, "image": {"alt": "Frames of two panels. Left: a table of two by two cells; its diagonal holds 0.5 without flips, all four cells hold 0.25 at one half, and the other diagonal holds 0.5 when every bit is flipped. Right: a curve shaped like a hanging chain, from log 2 at zero down to zero at one half and up again, with a dot that moves along it."}} tags=["hide-input"]
flips, fine = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1], np.linspace(0, 1, 101)
passes = np.log(2) - entropy.binary_entropy(fine)


def frame(eps, label):
    fig, (grid, curve) = plotting.panels([label, "I(X;Y) [nats]"], height=2.3, xlabel="ε, probability of a flip")
    grid.imshow(laws.channel(eps), cmap="Greys", vmin=0, vmax=0.6, zorder=2)
    grid.set(xticks=[0, 1], yticks=[0, 1], xlabel="output", ylabel="input")
    curve.plot(fine, passes, eps, np.log(2) - entropy.binary_entropy(eps), "ko")
    return fig


labels = [f"ε = {eps:g}" for eps in flips]
drawn = map(frame, flips, labels)
plotting.frames(drawn, labels, name="Flips", alt="Binary symmetric channel at {}".format)

# %% tags=["hide-input"]
passed = [[entropy.mutual_information(laws.channel(eps, p)) for eps in fine] for p in (0.5, 0.2)]
gaps = [np.abs(np.array(values) - passes).max() for values in passed]
ledger.check("ent-channel-01", gaps[0], control=gaps[1])

# %% [markdown]
r"""
## Confident and unsure

Now a real predictor. A network with one hidden layer learns handwritten digits ({cite:t}`alpaydin1998optical`) from a
few hundred images; for every new image it returns ten probabilities, one for each digit. Their entropy says how
unsure it is: zero when it bets everything on one digit, $\log 10$ when it has no idea. Five such networks, each with
its own split of the images.
"""

# %%
task = dict(seed=seed, source=source, n_train=n_train, hidden=hidden, epochs=epochs, batch=32, rate=0.01)
read = sweep.grid(predictions.classify, {"index": seeds}, n_test=n_test, **task)
truth, said = read["labels"], read["logits"].argmax(axis=-1)
p = softmax(read["logits"], axis=-1)
unsure, wrong = entropy.entropy(p), said != truth
show("share of test images read rightly", 1 - wrong.mean(axis=1))
show("mean entropy where right, where wrong", [unsure[~wrong].mean(), unsure[wrong].mean()], "nats", digits=2)

# %% mystnb={"figure": {"caption": "Test images of the first network, each with the digit it was read as and the entropy of the prediction in nats. First row: lowest entropies. Second row: highest entropies. Third row: images that were read wrongly although the entropy was low, with the true digit in brackets.", "name": "fig-01-images"}, "image": {"alt": "Three rows of eight small grey images of handwritten digits. First row: clear digits, entropies of 0.00. Second row: smudged or unusual digits, entropies above 1.1 nats, half of them read wrongly. Third row: digits that look much like another one, entropies from near zero to three tenths, each with a wrong reading."}} tags=["hide-input"]
pixels, side = predictions.read(source)[0], {"digits": 8}.get(source, 28)
order = unsure[0].argsort(kind="stable")
chosen = {"sure": order[:8], "unsure": order[:-9:-1], "sure, wrong": order[wrong[0][order]][:8]}


def caption(i):
    note = f" ({truth[0, i]})" if wrong[0, i] else ""
    return f"{said[0, i]}{note}: {unsure[0, i]:.2f}"


shots = {name: (pixels[read["rows"][0, at]].reshape(-1, side, side), map(caption, at)) for name, at in chosen.items()}
_ = plotting.gallery({name: (images, list(words)) for name, (images, words) in shots.items()})

# %% [markdown]
r"""
The sentence of the introductions, *low entropy means confident, high entropy means unsure*, is how the word is used;
what can be wrong is whether being unsure has to do with being wrong. It has: sort the images by entropy, and most of
all errors lie in the last fifth ({claim}`ent-predict-01`, a share of {measured}`ent-predict-01`).
"""

# %%
fifth = n_test // 5
last = np.argsort(-unsure, axis=1)[:, :fifth]
share = np.take_along_axis(wrong, last, axis=1).sum(axis=1) / wrong.sum(axis=1)
blind = wrong[:, :fifth].sum(axis=1) / wrong.sum(axis=1)
ledger.check("ent-predict-01", share, control=blind)

# %% mystnb={"figure": {"caption": "Share of images read wrongly, by entropy: test images sorted by the entropy of their prediction, in ten parts of equal size (mean over networks, bars: range). The dashed line is the share among all images.", "name": "fig-01-errors"}, "image": {"alt": "Points over tenths of the test images, from surest to least sure. For the first six tenths the share of errors is zero, for the next two close to it; in the ninth it is about one image in eleven, in the last about one in three. The dashed line of the mean lies near five per cent."}} tags=["hide-input"]
ranked = np.take_along_axis(wrong, unsure.argsort(axis=1, kind="stable"), axis=1)
tenths = np.stack([part.mean(axis=1) for part in np.array_split(ranked, 10, axis=1)])
fig, (ax,) = plotting.panels([""], height=2.8, xlabel="tenth of the images, by entropy", ylabel="share read wrongly")
plotting.intervals(ax, np.arange(1, 11), tenths, label="in this tenth")
ax.axhline(wrong.mean(), color="black", linestyle="--", linewidth=1.2, label="all images")
ax.set_xticks(range(1, 11))
_ = ax.legend()

# %% [markdown]
r"""
But entropy is a statement of the network about itself, and nobody has checked it. Take a digit that the network has
never seen: train it on nine digits and show it the tenth. Every answer is wrong, and a good part of them is given
with less than a tenth of a nat of doubt ({claim}`ent-predict-02`: a share of {measured}`ent-predict-02`, the mean
over the ten digits left out). Low entropy says that the network is sure. It does not say that it is right, nor that
it knows the kind of thing it is looking at.
"""

# %%
strange = sweep.grid(predictions.unseen, {"index": seeds}, **task)
without_doubt = [(strange[name] < 0.1).mean(axis=(1, 2)) for name in ("entropy", "flat")]
ledger.check("ent-predict-02", without_doubt[0], control=without_doubt[1])

# %% [markdown]
r"""
## Temperature

A prediction can be made more or less sure without changing what it says: divide the network's outputs (*logits*) by a
**temperature** $T$ before they become probabilities. Below one, all bets go to the favourite; far above one, to nobody.
"""

# %% mystnb={"figure": {"caption": "One prediction at several temperatures: probabilities of the ten classes for the test image of the first network that it is least sure of. Above: temperature and entropy in nats. Step through the temperature.", "name": "fig-01-temperature"}, "image": {"alt": "Frames of two panels. Left: the image, a digit that is hard to read. Right: bars of the probabilities of ten classes. At the lowest temperature one bar holds nearly everything; at temperature one several share; at the highest all ten are nearly equal and the entropy comes close to log 10, 2.3 nats."}} tags=["hide-input"]
hot, worst = [0.1, 0.3, 0.5, 1, 2, 4, 16], unsure[0].argmax()
cooled = [softmax(read["logits"][0, worst] / t) for t in hot]
labels = [f"T = {t:g}, H = {entropy.entropy(q):.2f}" for t, q in zip(hot, cooled, strict=True)]


def frame(label, q):
    fig, (left, right) = plotting.panels(["", label], height=2.2, xticks=[], yticks=[])
    left.imshow(pixels[read["rows"][0, worst]].reshape(side, side), cmap="Greys")
    right.bar(range(10), q)
    right.set(xticks=range(10), ylim=(0, 1), yticks=[0, 1], yticklabels=["0", "1"], ylabel="probability")
    return fig


plotting.frames(map(frame, labels, cooled), labels, name="Temperature", alt="Prediction at {}".format)

# %% [markdown]
r"""
So which temperature is honest? If predictions mean what they say, the surprise they *promise*, their mean entropy, is
the surprise that *arrives*, the mean of $-\log p$ of the true digit. On new images our networks lose more than they
promise ({claim}`ent-predict-03`, {measured}`ent-predict-03` times as much), as {cite:t}`guo2017calibration` found for
much larger ones; on the images they were trained on they lose less. Guo et al. mend it by the one temperature that
makes the loss smallest. There, as we derive it, the two numbers are not just close, but equal: with $b = 1/T$ the
loss $\operatorname{E}[\log\sum_k e^{b z_k} - b z_y]$ has the slope $\operatorname{E}[\sum_k p_k z_k - z_y]$, and $b$
times that slope is mean loss minus mean entropy. Where the slope is zero, the promise is kept.
"""

# %%
images = list(zip(read["logits"], truth.astype(int), strict=True))
fitted = [predictions.best_temperature(z, y) for z, y in images]
plain = np.array([predictions.loss_and_entropy(z, y) for z, y in images])
best = np.array([predictions.loss_and_entropy(z, y, t) for (z, y), t in zip(images, fitted, strict=True)])
both = np.stack([plain, best]).mean(axis=1)
table({"temperature": ["one", "best"], "loss [nats]": both[:, 0], "entropy [nats]": both[:, 1]})

# %% tags=["hide-input"]
seen = np.array([predictions.loss_and_entropy(read["fit_logits"][i], read["fit_labels"][i]) for i in seeds])
ledger.check("ent-predict-03", plain[:, 0] / plain[:, 1], control=seen[:, 0] / seen[:, 1])
broken = [np.abs(values[:, 0] - values[:, 1]) for values in (best, plain)]
ledger.check("ent-temper-01", broken[0], control=broken[1])

# %% [markdown]
r"""
## What a representation shares with the label

Call $T$ what a network makes of an image; here, the digit it reads. Counting how often digit $t$ was read where $y$
was true gives a table, and the table gives $I(T;Y)$: out of $\log 10$ nats that the label has, a good reader has
nearly all. It is tempting to go on: *high mutual information means that the representation agrees with the label*.
Exchange the ten names in a circle, every 0 a 1, every 1 a 2, and so on. Accuracy falls to almost nothing. The mutual
information does not move by a digit ({claim}`ent-label-02`), because who knows the exchanged name knows the old one.
What it measures is agreement *up to the best renaming* ({claim}`ent-label-01`).
"""

# %%
turned = (said + 1) % 10
shared = {"as read": said, "in a circle": turned, "3 read as 8": np.where(said == 3, 8, said)}
known = {
    name: [predictions.information(t, y) for t, y in zip(codes, truth, strict=True)] for name, codes in shared.items()
}
table({"names": list(shared), "I(T;Y) [nats]": [np.mean(v) for v in known.values()],
       "accuracy": [(codes == truth).mean() for codes in shared.values()]})  # fmt: skip

# %% tags=["hide-input"]
change = np.abs(np.array(known["in a circle"]) - known["as read"])
ledger.check("ent-label-02", change, control=np.abs(np.array(known["3 read as 8"]) - known["as read"]))
again = [predictions.renamed(t, y) == y for t, y in zip(turned, truth.astype(int), strict=True)]
elsewhere = np.roll(said, 1, axis=1)
blind = [predictions.renamed(t, y) == y for t, y in zip(elsewhere, truth.astype(int), strict=True)]
ledger.check(
    "ent-label-01", (turned == truth).mean(axis=1), limit=np.mean(again, axis=1), control=np.mean(blind, axis=1)
)

# %% [markdown]
r"""
In the other direction there is a theorem, due to Fano. If a reader errs at a rate $e$ among $K$ classes, the label can
hide at most $h(e) + e\log(K - 1)$ from who knows the reading: whether it was an error, and if so, which
({claim}`ent-label-03`). Few errors force high information; high information forces few errors only after renaming.

### Counting is not knowing

The table above was counted on a thousand images, and counts flatter. Deal the readings to other images, so that
nothing is shared: the counted information is not zero. To leading order $2n$ times it is a chi-squared variable with
$(K-1)^2$ degrees of freedom, so that its mean is $(K-1)^2/(2n)$ ({cite:t}`paninski2003estimation`;
{claim}`ent-label-04`). For ten digits that is little. It is not little for a layer of many units, which has to be cut
into cells before anything can be counted.
"""

# %% tags=["hide-input"]
error = wrong.mean(axis=1)
hidden_from = [entropy.conditional_entropy(predictions.table_of(t, y)) for t, y in zip(said, truth, strict=True)]
fooled = [entropy.conditional_entropy(predictions.table_of(t, y)) for t, y in zip(elsewhere, truth, strict=True)]
fano = entropy.binary_entropy(error) + error * np.log(9)
ledger.check("ent-label-03", hidden_from - fano, control=fooled - fano)
dealt = [predictions.dealt_information(said[i], truth[i], seed=seed, index=i, deals=200).mean() for i in seeds]
expected = 81 / (2 * n_test)
ledger.check("ent-label-04", np.array(dealt) / expected, control=np.array(known["as read"]) / expected)

# %%
counts = np.geomspace(10, n_test // 2, 6).round().astype(int).tolist()
cut = [predictions.cells(layer, counts) for layer in read["layer"]]
true_cells = np.array([[predictions.information(c, y) for c in cs] for cs, y in zip(cut, truth, strict=True)])
shuffled = np.roll(truth, 1, axis=1)
dealt_cells = np.array([[predictions.information(c, y) for c in cs] for cs, y in zip(cut, shuffled, strict=True)])
label_entropy = [entropy.entropy(np.bincount(y.astype(int)) / len(y)) for y in truth]

# %% tags=["hide-input"]
flattered = dealt_cells / np.array(label_entropy)[:, None]
ledger.check("ent-label-05", flattered[:, -1], control=flattered[:, 0])
steps = np.diff(true_cells, axis=1)
ledger.check("ent-label-06", (-steps).max(axis=1), control=steps.max(axis=1))

# %% mystnb={"figure": {"caption": "Information that the hidden layer seems to share with the label, over the number of cells it is cut into, counted on the test images (nested cells of Ward's tree; points: mean over networks, bars: range). Dashed: entropy of the label. With labels dealt to other images there is nothing to share.", "name": "fig-01-cells"}, "image": {"alt": "Two sets of points over the number of cells on a logarithmic axis, from ten to half the number of images. With true labels the information starts near 2.05 nats and climbs to the dashed line at 2.3. With dealt labels it starts near zero and climbs to one and a half nats."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], height=3.0, xlabel="cells", ylabel="counted I(T;Y) [nats]", xscale="log")
plotting.intervals(ax, counts, true_cells.T, label="true labels")
plotting.intervals(ax, counts, dealt_cells.T, label="labels dealt to other images", marker="s")
ax.axhline(np.mean(label_entropy), color="black", linestyle="--", linewidth=1.2, label="H(Y)")
_ = ax.legend()

# %% [markdown]
r"""
The finer the cells, the more the layer "knows", also about labels that were dealt out. Data processing itself is not
in danger ({claim}`ent-label-06`): for the images as counted, joining cells never adds. What fails is the step from
the images counted to the images they stand for. Chapter 04 is about that step,
{doc}`chapter 05 <05_information_bottleneck>` about a dispute that turned on it.

## Which label to ask for next

Labels cost money. Suppose many images and few labels: for which image should one ask next? **Uncertainty sampling**
asks where the prediction has the highest entropy. {cite:t}`houlsby2011bayesian` ask where the *hypotheses* disagree.
Keep several hypotheses $h$ (in a network: several sets of weights), each with its probability given the labels so
far, and subtract what each of them is unsure of by itself:

$$
\begin{aligned}
I(y; h\,|\,x) &= H\Big[\sum_h p(h)\,p(y|x,h)\Big] \\
&\quad - \sum_h p(h)\,H\big[p(y|x,h)\big] .
\end{aligned}
$$ (eq-01-bald)

The first term is the entropy of the prediction, the second the doubt that no label removes. The score is called
**BALD**, Bayesian active learning by disagreement.

By hand, two hypotheses that are equally likely and four inputs. On input A they agree. On B they contradict each
other. C is a coin flip and both know it. On D one is sure and the other is not:
"""

# %%
believe = [0.5, 0.5]
one = [[0.9, 0.1], [1, 0], [0.5, 0.5], [1, 0]]
two = [[0.9, 0.1], [0, 1], [0.5, 0.5], [0.5, 0.5]]
views = {"entropy": acquisition.predictive_entropy, "BALD": acquisition.bald}
scores = {name: score(believe, [one, two]) for name, score in views.items()}
table({"input": list("ABCD"), **scores, "expected drop": acquisition.entropy_drop(believe, [one, two])})

# %% [markdown]
r"""
Entropy finds B and C equally attractive. BALD knows that C teaches nothing. The third column computes something else:
by how much the entropy of the hypotheses is expected to fall once the label is there, by going through every label
and updating by Bayes' rule. It is the same number, and not by accident ({claim}`acq-bald-01`): mutual information is
symmetric, so what the label would tell about the hypothesis is what the hypothesis tells about the label.
"""

# %%
ids = sweep.grid(choosing.identities, {"index": seeds}, seed=seed, inputs=60)
ledger.check("acq-bald-01", ids["drop"], control=ids["drop_slip"])
ledger.check("acq-margin-01", ids["three"], limit=ids["two"], control=ids["two_slip"])

# %% [markdown]
r"""
A third usual score, the lead of the most probable class over the second, is for two classes the entropy in other
clothes; with three they part ({claim}`acq-margin-01`).

## Choosing exactly

To compare policies and nothing else, everything is made exact: points in the plane, a few hundred lines through the
origin as hypotheses, one of them the truth, Bayes' rule without approximation, the same tie rule for all. Three
pools: hypotheses that are never in doubt; logistic ones, whose labels are noisy near the line; and logistic ones in a
pool of which three labels in ten are coin flips, *known to be coin flips* by every hypothesis. Accuracy is the
agreement with the truth's own best guess, on points that were never in the pool.
"""


# %%
def ahead(curves, first, second, labels=slice(1, None)):
    return np.atleast_2d((curves[first] - curves[second])[:, labels].T).mean(axis=0)


exact = dict(seed=seed, runs=runs, pool=pool, steps=40)
axes = {"kind": choosing.POOLS, "policy": choosing.POLICIES, "index": seeds}
plane = sweep.grid(choosing.plane, axes, **exact)
sharp, soft, coins = (dict(zip(choosing.POLICIES, values, strict=True)) for values in plane["accuracy"])
asked = dict(zip(choosing.POLICIES, plane["coins"][2], strict=True))

# %% mystnb={"figure": {"caption": "Accuracy over the number of labels, for four policies and three pools (mean over runs; bands: range over repetitions). In the first pool entropy lies under BALD. Random: no preference. Entropy: most uncertain prediction. BALD: most disagreement. Certain: least uncertain prediction.", "name": "fig-01-plane"}, "image": {"alt": "Three panels of accuracy from 0.5 to 1 over zero to forty labels. In the first pool entropy and BALD lie on top of each other and reach one within ten labels, random follows more slowly, certain stays near 0.8. In the second BALD leads by a clear margin, entropy and random are alike, certain is lowest. In the third BALD leads as before, random and certain follow, and entropy stays flat below 0.7 from the first labels to the last."}} tags=["hide-input"]
titles = ["never in doubt", "noisy near the line", "three coins in ten"]
fig, axs = plotting.panels(titles, sharey=True, height=3.3, xlabel="labels", ylabel="accuracy", ylim=(0.48, 1.02))
for ax, curves in zip(axs, (sharp, soft, coins), strict=True):
    for name, values in curves.items():
        plotting.bands(ax, np.arange(41), values, label=name)
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

# %% tags=["hide-input", "nbval-ignore-output"]
ledger.check("acq-bald-02", ahead(soft, "BALD", "random"), control=ahead(soft, "certain", "random"))
helped, spoiled = (ahead(curves, "entropy", "random", 10) for curves in (sharp, coins))
ledger.check("acq-entropy-01", spoiled, limit=helped, control=ahead(sharp, "certain", "random", 10))
ledger.check("acq-entropy-02", asked["entropy"], control=asked["BALD"])
same = (plane["chosen"][:, 1] == plane["chosen"][:, 2]).mean(axis=(2, 3))
ledger.check("acq-entropy-03", same[0], control=same[1])
ledger.check("acq-bald-03", ahead(coins, "BALD", "random"), control=ahead(coins, "entropy", "random"))

# %% [markdown]
r"""
*Choose the data the model is most uncertain about, and it improves.* In the first pool that is right, and exactly so:
a hypothesis that is never in doubt has no entropy of its own, the second term of {eq}`eq-01-bald` vanishes, and
entropy and BALD ask for the same labels ({claim}`acq-entropy-03`). In the third pool it is a trap: of the labels that
entropy asks for, a share of {measured}`acq-entropy-02` are coins, and the model ends far below one that asks at
random ({claim}`acq-entropy-01`). Uncertainty that comes from not knowing (*epistemic*) is worth a question,
uncertainty that is in the thing (*aleatoric*) is not, and entropy adds them up. BALD does not ask for a single coin.

### Several labels at once

Labels are often bought in batches. The best single scores make a bad batch: near-copies of one good question are one
question. What $k$ labels tell *together* is $I(y_1 \dots y_k; h)$, at most the sum of the single scores
({claim}`acq-batch-01`); choosing one after the other, each for what it adds, is provably not far below the best batch
({claim}`acq-batch-02`, {cite:t}`kirsch2019batchbald`). Here all batches of four are tried, in pools in which every
input stands four times:
"""

# %%
batch = sweep.grid(choosing.batches, {"index": seeds}, seed=seed, pools=12, inputs=4, size=4)
ledger.check("acq-batch-01", batch["excess"], control=-batch["excess"])
ledger.check("acq-batch-02", batch["greedy"], control=batch["single"])

# %% [markdown]
r"""
## Choosing images

Does it carry over to networks and images, where the hypotheses are a handful of networks and nothing is exact? An
**ensemble**, the same network trained from several starts, learns digits from twenty labels and asks for ten more in
every round. Once the pool is clean; once as many **ambiguous** images are added, each the mean of two images of
different digits, its label one of the two by the toss of a coin. Tests are on clean images only.
"""

# %%
setting = dict(seed=seed, source=source, members=members, start=20, batch=10, rounds=rounds, pool=candidates)
network = dict(n_test=min(n_test, 500), hidden=32, epochs=80, rate=0.02)
many = {False: max(5, n_ensembles // 3), True: n_ensembles}
learned = [sweep.grid(choosing.digits, {"index": range(n)}, dirty=d, **setting, **network) for d, n in many.items()]
clean, dirty = (dict(zip(choosing.POLICIES, run["accuracy"].swapaxes(0, 1), strict=True)) for run in learned)
ambiguous = dict(zip(choosing.POLICIES, learned[1]["dirty"].T, strict=True))

# %% mystnb={"figure": {"caption": "Test accuracy of an ensemble over the number of labelled images, for four policies (mean over repetitions; bars: 95 % interval of the mean), from a clean pool and from one that is half ambiguous.", "name": "fig-01-ensembles"}, "image": {"alt": "Two panels of accuracy over twenty to one hundred and forty labels. Clean pool: entropy and BALD rise together and stay about four points above random; certain stays near 0.6. Half ambiguous: BALD rises fastest, several points above the others; entropy runs close to random for most of the way and ends a little above it; certain ends near 0.7."}} tags=["hide-input"]
known_labels = learned[0]["labels"][0]
look = dict(sharey=True, height=3.4, xlabel="labelled images", ylabel="test accuracy")
fig, axs = plotting.panels(["clean pool", "half of the pool ambiguous"], **look)
for ax, curves in zip(axs, (clean, dirty), strict=True):
    for marker, (name, values) in zip("osD^", curves.items(), strict=True):
        error = 2 * values.std(axis=0) / len(values) ** 0.5
        ax.errorbar(known_labels, values.mean(axis=0), yerr=error, marker=marker, label=name)
_ = fig.legend(*axs[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

# %% tags=["hide-input", "nbval-ignore-output"]
final = {name: {k: v[:, -1] for k, v in curves.items()} for name, curves in (("clean", clean), ("dirty", dirty))}
lost = {name: one["certain"] - one["random"] for name, one in final.items()}
ledger.check("acq-digits-01", final["clean"]["BALD"] - final["clean"]["random"], control=lost["clean"])
ledger.check("acq-digits-02", ambiguous["entropy"], control=ambiguous["BALD"])
gained = [ahead(curves, "BALD", "entropy", slice(None)) for curves in (dirty, clean)]
ledger.check("acq-digits-03", gained[0], control=gained[1])
ledger.check("acq-digits-04", final["dirty"]["entropy"] - final["dirty"]["random"], control=lost["dirty"])

# %% [markdown]
r"""
In the clean pool asking beats not asking, and the two scores are alike. In the other one entropy asks for ambiguous
images far more often than they occur ({claim}`acq-digits-02`), and BALD leads ({claim}`acq-digits-03`). The collapse
of the plane, however, does not come ({claim}`acq-digits-04`): entropy ends close to random choice, at a difference of
{measured}`acq-digits-04` in accuracy. What it has lost is its lead. The mean of two digits under one of their names is
a poor question, but not an empty one. BALD asks for some of them too, because networks that have seen few ambiguous
images disagree about them before they learn that they are ambiguous. The exact statement is about the exact posterior.

## What this page does not show

- A digit is not a photograph, and ensembles of small networks are not a posterior. What BALD gains elsewhere has to
  be measured elsewhere.
- Information was counted for codes with few values. A layer of real numbers needs an estimator, and each has its
  faults.
- Expected information about the hypothesis is not expected accuracy. Where some errors cost more than others, the
  question to ask is a different one.

## Exercises

1. *Twenty questions.* How many yes-or-no questions does it take at least to find one of a thousand equally likely
   things, and what is the largest entropy that ten such answers can have?
2. *A worthless test.* An illness strikes one in a hundred; a test is right in ninety of a hundred cases, for the ill
   and the well alike. How much of the entropy of the illness does its result remove, and how much would a test remove
   that is always right?
3. *Entropy of a sum.* Two dice are thrown. What does the sum tell about the first die, and what do the sum and the
   second die tell about it together?
4. *A good question.* Of eight equally likely hypotheses, input A splits them four to four, and B splits them one to
   seven; every one of them is sure of its answer. Which label is worth more, and how much more?
"""

# %% tags=["hide-input"]
# Exercise 1: each answer has at most one bit.
show("questions", np.ceil(np.log2(1000)))
show("ten answers", 10 * np.log(2), "nats")

# %% tags=["hide-input"]
# Exercise 2: rows are ill and well, columns positive and negative; a perfect test removes all of H(illness).
test = np.array([[0.01 * 0.9, 0.01 * 0.1], [0.99 * 0.1, 0.99 * 0.9]])
show("it removes", entropy.mutual_information(test), "nats")
show("of", entropy.binary_entropy(0.01), "nats")

# %% tags=["hide-input"]
# Exercise 3: the sum alone leaves much open; with the second die it leaves nothing, and I = H(first die).
first, second, total = np.indices((6, 6, 11))
dice = (first + second == total) / 36
show("the sum", entropy.mutual_information(dice.sum(axis=1)), "nats")
show("the sum and the second die", entropy.mutual_information(dice.reshape(6, -1)), "nats")

# %% tags=["hide-input"]
# Exercise 4: no hypothesis doubts, so BALD is the entropy of the split.
splits = np.stack([np.eye(2)[[0] * 4 + [1] * 4], np.eye(2)[[0] + [1] * 7]], axis=1)
worth = acquisition.bald(np.full(8, 1 / 8), splits)
show("A and B", worth, "nats")
show("A is worth more by a factor of", worth[0] / worth[1])

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %% tags=["nbval-ignore-output"]
ledger.close()

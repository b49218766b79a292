# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Cross-entropy is a code

*What does a loss of so many bits buy?*

Nearly every network of this book is trained on **cross-entropy**: the mean of $-\log q$ over what happened, $q$ being
the probability that the network had given to it. This page takes that number literally. It is the length of a
message. A model that predicts well is a compressor, and here it is made to be one: texts are written into bytes with
nothing but a model's predictions, read back letter by letter, and weighed against gzip.

Three sentences are tested on the way. That minimising empirical risk, maximising likelihood and shortening the code
are one thing; that cross-entropy is the right loss because it minimises regret; and that deep networks compress
({cite:t}`blier2018description`, {cite:t}`deletang2024language`), weights and all. The table at the end says what
became of each.
"""

# %% tags=["hide-input", "parameters"]
seed = 7  # root of every random stream [0..]
n_seeds = 5  # repetitions of what is known exactly [5..50]
stretches = 3  # stretches of text, each with a network of its own [2..20]
length = 32000  # letters of a stretch [1000..]
order = 8  # longest context of the counting model, letters [1..12]
streams = 32  # letters that the network predicts at a time [1..256]
context = 6  # letters that the network reads [1..64]
hidden = 128  # width of its hidden layer [8..4096]
replays = 4  # batches of seen letters that it learns again at each step [0..64]
chain_letters = 50000  # letters of the coded chain [1000..]
images = 300  # digits that the classifier is trained on [100..1000]
epochs = 200  # times that it sees them [1..10000]
classifiers = 12  # networks, each with digits of its own [2..100]

# %% tags=["hide-input"]
import numpy as np

from itdl import claims, coding, entropy, plotting, sweep
from itdl.show import show, table
from itdl.studies import calibration, codes, text_codes

plotting.use_style()
ledger = claims.Ledger("03")
seeds, texts = range(n_seeds), range(stretches)

# %% [markdown]
r"""
## The smallest case, by hand

Four letters come with probabilities $\tfrac12, \tfrac14, \tfrac18, \tfrac18$. Write them with the words

| letter | a | b | c | d |
| --- | --- | --- | --- | --- |
| word | 0 | 10 | 110 | 111 |

No word begins another, so that a row of bits can be cut into words in one way only: this is a **prefix code**. A
letter costs $\tfrac12\cdot 1 + \tfrac14\cdot 2 + \tfrac18\cdot 3 + \tfrac18\cdot 3 = 1\tfrac34$ bits on average. That
is the **entropy** $H(p) = -\sum_x p(x)\log_2 p(x)$ of the letters, because every word is $-\log_2 p$ bits long.

Words cannot all be short. In a prefix code $\sum_x 2^{-l(x)} \le 1$ (Kraft), and whenever the lengths obey this a
code exists: a probability $q(x)$ *is* a word of $-\log_2 q(x)$ bits. If letters come from $p$ and the words were made
for $q$, the mean length is the **cross-entropy**

$$
-\sum_x p(x) \log q(x) = H(p) + \mathrm{KL}(p\,\Vert\,q),
$$ (eq-03-cross)

and $\mathrm{KL} \ge 0$ is what the wrong belief costs, in every letter. With logarithms to base two the unit is the
bit, with natural ones the *nat*, which is $1/\ln 2$ bits.
"""

# %%
p, q = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8]), np.array([1 / 4, 1 / 4, 1 / 4, 1 / 4])
lengths = coding.shannon_lengths(p)
table({"letter": list("abcd"), "p": p, "bits": lengths, "word": coding.prefix_code(lengths)})
show("Kraft sum            ", coding.kraft(lengths))
show("entropy              ", entropy.bits(entropy.entropy(p)), "bits")
show("with words of two bits", entropy.bits(entropy.cross_entropy(p, q)), "bits")
show("H + KL               ", entropy.bits(entropy.entropy(p) + entropy.kl(p, q)), "bits")

# %% [markdown]
r"""
## Risk, likelihood and length

Now a message $x_1 \dots x_n$ instead of probabilities. Three people look at $-\log q(x_1) - \dots - \log q(x_n)$. A
statistician calls it the negative log-likelihood and minimises it: *maximum likelihood*. Somebody who trains networks
divides it by $n$, calls it the *empirical risk* of the log loss and minimises that. An engineer reads it as the
length of the message. With $\hat p$ for the frequencies of letters in the message, each minimises
$H(\hat p) + \mathrm{KL}(\hat p\,\Vert\,q)$, of which $H(\hat p)$ is not in anybody's hands.

The identity is checked on random messages, and then on something that can be weighed: stretches of English, the
docstrings of NumPy, SciPy and scikit-learn. Their letters, ranked by frequency, are modelled by
$q(\text{rank } r) \propto r^{-s}$, a family with one parameter. Each exponent $s$ writes the same text into bytes of
its own number.
"""

# %%
exact = sweep.grid(codes.identities, {"index": seeds}, seed=seed, n=200, letters=8)
ledger.check("code-erm-01", exact["error"], control=exact["error_slip"])
exponents = np.linspace(0.4, 2.4, 21)
axes = dict(length=10_000, exponents=exponents.tolist())
zipf = sweep.grid(codes.zipf_letters, {"index": seeds}, seed=seed, **axes)
lowest = zipf["bits"].min(axis=-1)
ledger.check("code-erm-02", lowest - zipf["bits_best"], control=lowest - zipf["bits_straight"])

# %% mystnb={"figure": {"caption": "Ten thousand letters of docstrings written with the model rank^-s: bits per letter against the exponent s, real bytes, one curve for each stretch. Circles: the exponent of least empirical risk. Squares: that of a straight line through log frequency over log rank.", "name": "fig-03-risk"}, "image": {"alt": "Bits per letter against the exponent, one curve for each of five stretches: single valleys with their bottom, near five bits, at an exponent near one. The circles sit at the bottoms. The squares, at exponents between one and a half and two, sit on the right slopes, clearly higher."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="exponent s", ylabel="bits per letter", height=3.0)
for colour, bits in zip(plotting.colours(n_seeds), zipf["bits"] / 1e4, strict=True):
    ax.plot(exponents, bits, "-", marker=".", linewidth=0.6, color=colour)
for kind, marker, name in (("best", "o", "least risk"), ("straight", "s", "straight line")):
    ax.plot(zipf[kind], zipf[f"bits_{kind}"] / 1e4, marker, markersize=9, fillstyle="none", color="black", label=name)
_ = ax.legend()

# %% [markdown]
r"""
The exponent of least risk writes the shortest message, to the word of 32 bits that the coder counts in
({claim}`code-erm-02`). The usual way to read off a Zipf exponent, a straight line in a doubly logarithmic plot, does
not: it asks all ranks alike, while the message asks the letters that come.

## From lengths to bytes

Words have whole lengths, probabilities do not. Rounding every length up makes a code that costs less than one bit per
letter too much ({claim}`code-kraft-01`), but where a letter carries a tenth of a bit, one bit is a lot. **Arithmetic
coding** does away with the rounding: the whole message becomes one number, found by narrowing an interval by the
factor $q(x_t)$ at each letter. A *range coder* does that with whole numbers. Ours is `constriction`; around it we put
a length, an alphabet and checksums, so that damaged bytes are refused.

To know the truth, the first message comes from a chain of 64 letters, each drawn from a row of probabilities that
depends on the letter before. Its entropy rate is known.
"""

# %%
short = sweep.grid(codes.words, {"index": seeds}, seed=seed, draws=500)
ends = np.concatenate([short["least"], short["most"]])
ledger.check("code-kraft-01", ends, control=ends - 1)
mixed = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7]
axes = {"mixed": mixed, "index": seeds}
chain = sweep.grid(codes.chain, axes, seed=seed, n=chain_letters, letters=64)
fifth = mixed.index(0.2)

# %% tags=["hide-input"]
ledger.check("code-real-01", chain["overhead"][fifth], control=chain["overhead_words"][fifth])
ledger.check("code-real-02", chain["returned"][fifth], control=chain["returned_off"][fifth])
ledger.check("code-wrong-01", chain["paid"][fifth], control=chain["paid_slip"][fifth])
given = {"entropy rate": chain["rate"][0], "true model, bytes": chain["bits"][0]}
given |= {"mixed model, bytes": chain["bits_wrong"][fifth], "H + KL": (chain["rate"] + chain["kl"])[fifth]}
table({"repetition": list(seeds), **given}, digits=4)

# %% mystnb={"figure": {"caption": "A chain of 64 letters coded with a model into which a share of the uniform distribution is mixed: extra bits per letter, real bytes (points: mean, bars: range over repetitions) and KL (line: mean).", "name": "fig-03-wrong"}, "image": {"alt": "Extra bits per letter against the share mixed in. A line rises from almost nothing to about seven tenths of a bit; the points lie on it at every share."}} tags=["hide-input"]
look = dict(xlabel="share of the uniform distribution", ylabel="extra bits per letter", height=3.0)
fig, (ax,) = plotting.panels([""], **look)
plotting.intervals(ax, mixed, chain["bits_wrong"] - chain["bits"], label="bytes written")
ax.plot(mixed, chain["kl"].mean(axis=1), "k--", label="KL(p || q)")
_ = ax.legend()

# %% [markdown]
r"""
Cross-entropy is what the bytes cost: a few dozen bits above the ideal length, for a message of some two hundred
thousand ({claim}`code-real-01`). A wrong model pays its KL, in bytes ({claim}`code-wrong-01`). And the decoder needs
*the same* probabilities: when they are off by a thousandth, nothing comes back ({claim}`code-real-02`).

## Not knowing the model: regret

The chain was coded with probabilities that somebody had told us. Usually nobody does, and they are learned from the
letters already coded, which the decoder knows too. The **regret** of such a code is what it needs beyond the best
member of a family chosen *after* the message is known. Take coins as the family, a message of $n$ heads and tails,
and three ways to go on after $k$ heads among $m$:

- add one to both counts (Laplace): $q(\text{head}) = (k + 1)/(m + 2)$;
- add one half (Krichevsky and Trofimov): $(k + \tfrac12)/(m + 1)$;
- ask for the smallest worst regret. It has a name, normalised maximum likelihood, and a closed form: every message
  gets the probability that its own best coin gives it, divided by the sum of these over all messages. The log of that
  sum (Shtarkov) is its regret, the same for every message, and no code has a smaller worst one.

The first three flips by hand, for the message head, tail, head: adding one half gives
$\tfrac12 \cdot \tfrac14 \cdot \tfrac12 = \tfrac1{16}$, four bits; the best coin in hindsight, two heads in three,
needs $-\log_2(\tfrac23\cdot\tfrac13\cdot\tfrac23)$.
"""

# %%
coins = coding.online_lengths([1, 0, 1], 2), coding.hindsight([1, 2])
show("adding one half, bits ", entropy.bits(coins[0].sum()))
show("best coin, bits       ", entropy.bits(coins[1]))
flips = [10, 100, 1000, 10_000]
kt, laplace = (np.array([codes.coin_regrets(n, add).max() for n in flips]) for add in (0.5, 1.0))
nml, half_log = entropy.bits([coding.shtarkov(n) for n in flips]), 0.5 * np.log2(flips)
plugged = codes.plug_in_regret(100, 2.0**-24)
table({"n": flips, "least worst": nml, "add 1/2": kt, "add 1": laplace, "(log2 n)/2": half_log}, digits=4)

# %% tags=["hide-input"]
asymptote = 0.5 * np.log2(np.array(flips) * np.pi / 2)
ledger.check("code-regret-01", (kt - half_log).max(), control=(laplace - half_log).max())
ledger.check("code-regret-02", nml[-1] - asymptote[-1], control=kt[-1] - asymptote[-1])
logs = np.log2(np.array(flips) + 1)
ledger.check("code-regret-03", np.abs(laplace - logs).max(), control=np.abs(kt - logs).max())
ledger.check("code-regret-04", plugged[0] - np.log2(100) / 2, control=plugged[1] - np.log2(100) / 2)

# %% mystnb={"figure": {"caption": "Regret against the share of ones among a hundred flips, for the three codes.", "name": "fig-03-regret"}, "image": {"alt": "Regret in bits against the share of ones. The least worst regret is a level line near 3.7. Adding one half runs just below it over the whole middle and rises to 4.1 at both ends. Adding one has its minimum of about three in the middle and climbs to 6.7 at both ends."}} tags=["hide-input"]
share = np.arange(101) / 100
fig, (ax,) = plotting.panels([""], xlabel="share of ones among 100", ylabel="regret [bits]", height=3.0)
for add, label, style in ((1.0, "add 1", ":"), (0.5, "add 1/2", "-")):
    ax.plot(share, codes.coin_regrets(100, add), style, label=label)
ax.axhline(nml[1], color="black", linestyle="--", label="least worst regret")
_ = ax.legend()

# %% [markdown]
r"""
Half a logarithm is the price of one unknown coin, whatever the message ({claim}`code-regret-01`,
{claim}`code-regret-02`).

It also shows what to make of the sentence that cross-entropy is ideal *because it minimises regret*. Regret is a
property of a way of predicting, not of a loss. Whoever minimises the cross-entropy so far and predicts with the
result uses the plain frequencies, and gives probability zero to whatever has not been seen. Even with a floor under
it, that code loses {measured}`code-regret-04` more than half a logarithm in the worst of our messages
({claim}`code-regret-04`). True is this much: under log loss, regret *is* an excess code length, and adding a half to
the counts all but minimises it.

With $k$ parameters there are $k$ such prices. A fit to $n$ letters pays $k/(2n)$ nats in each further letter
({claim}`code-excess-01`), and summed up while learning this makes half a logarithm for each parameter. That law is
one for large $n$: with two letters it holds, with a chain of 64 letters and as many as twenty thousand of them, most
rows have been seen too seldom to cost their full price ({claim}`code-param-01`).
"""

# %%
fits = sweep.grid(codes.excess, {"index": seeds}, seed=seed, n=3200, letters=16, repeats=2000)
learned = sweep.grid(codes.learned_chain, {"letters": [64, 2], "index": seeds}, seed=seed, n=20_000)["ratio"]
ledger.check("code-excess-01", fits["excess"], control=fits["half"])
ledger.check("code-param-01", learned[0], limit=learned[1], control=learned[1] / 2)

# %% [markdown]
r"""
## Real text: counting

Now the model has to be learned from the text, and the text is real. Each stretch of docstrings begins at a random
place. The alphabet are 96 printable characters, so that without any model a letter costs $\log_2 96$ bits.

The **counting model** looks up what followed the last eight letters whenever they came before, trusts it as far as it
has been seen often, and for the rest asks the same of seven letters, six, and so on (interpolated Kneser-Ney;
{cite:t}`teh2006hierarchical` has the reason why it works). It needs sums and quotients only, and every machine that
rounds by the standard finds the same ones. Its competitors are gzip, bz2 and lzma at their strongest setting, on the
same bytes.
"""

# %%
piece = dict(seed=seed, length=length)
classic = sweep.grid(text_codes.baselines, {"index": texts}, **piece)
counted = sweep.grid(text_codes.counting, {"index": texts}, order=order, **piece)
best = np.min([classic[name] for name in ("gzip", "bz2", "lzma")], axis=0)
ledger.check("code-text-01", counted["bits"] / best, control=counted["single"] / best)
columns = {name: classic[name] / length for name in ("plain", "gzip", "bz2", "lzma")}
table({"stretch": list(texts), **columns, "counting": counted["bits"] / length})
show("texts that came back", counted["returned"].sum())

# %% [markdown]
r"""
In bits per letter, everything included. Nothing about the model was sent: the decoder begins with empty tables, as
the encoder did, decodes the first letter, counts it, decodes the second.

## A network that learns while it codes

What works with tables of counts works with a network. Both sides start from the same random weights. The encoder
predicts, codes what came, takes a step of gradient descent on it; the decoder predicts the same, decodes, and takes
the same step. At the end it has the text, *and* the trained network, and neither has been sent. This is
**prequential** coding. The length of the message is

$$
\sum_t -\log_2 q_{\theta_t}(x_t), \qquad \theta_t \text{ trained on } x_1 \dots x_{t-1},
$$ (eq-03-area)

which is the area under the online loss curve. A training run is a message; its curve says in time what the code says
in bytes.

Our network reads six letters and has one hidden layer. It predicts one letter in each of 32 streams at a time, in one
and the same batch shape on both sides, so that sums are added up in the same order. All of it is in double precision.
"""

# %% tags=["nbval-ignore-output"]
net = dict(streams=streams, context=context, embedding=16, hidden=hidden, rate=0.002, replays=replays, **piece)
coded = sweep.grid(text_codes.network, {"index": texts}, **net)
show("weights of the network       ", coded["weights"][0], digits=5)
show("bits written, first stretch  ", coded["bits"][0], digits=4)
show("area under the curve, in bits", coded["area"][0], digits=4)
show("counting model, bits         ", counted["bits"][0], digits=4)

# %% tags=["hide-input", "nbval-ignore-output"]
ledger.check("code-net-01", coded["overhead"], control=coded["overhead_end"])
ledger.check("code-net-02", coded["returned"], control=coded["returned_off"])
ledger.check("code-net-03", coded["bits"] / coded["plain"], control=coded["two_part"] / coded["plain"])
ledger.check("code-net-04", coded["bits"] / classic["gzip"], control=counted["bits"] / classic["gzip"])

# %% mystnb={"figure": {"caption": "The temporal view: bits per letter along the way (mean over stretches, a hundredth of the text at a time). The shaded area is the message of the network. Dashed: gzip, spread evenly over the text.", "name": "fig-03-area"}, "image": {"alt": "Bits per letter against letters coded. The curve of the network starts near six bits, falls quickly to three and slowly to two, with the area under it shaded. The curve of the counting model falls faster and then moves up and down between a half and two and a half bits. A dashed line for gzip lies below two: the network only comes down to it at the end."}} tags=["hide-input", "nbval-ignore-output"]
fig, (ax,) = plotting.panels([""], xlabel="letters coded", ylabel="bits per letter", height=3.2, ylim=(0, 6.8))
curve, counts = (run["curve"].mean(axis=0) for run in (coded, counted))
at, at_counts = (length * (np.arange(len(y)) + 0.5) / len(y) for y in (curve, counts))
ax.fill_between(at, curve, alpha=0.15, linewidth=0)
ax.plot(at, curve, label="network, learning online")
ax.plot(at_counts, counts, label=f"counting, contexts to {order} letters")
ax.axhline(classic["gzip"].mean() / length, color="black", linestyle="--", label="gzip")
_ = ax.legend()

# %% [markdown]
r"""
The area is the length, to a word or two ({claim}`code-net-01`), and all texts came back from bytes alone
({claim}`code-net-02`). When the first weights are rounded to single precision, nothing does: after a few steps of
training every later probability is another one. The same is to be expected on a processor that adds up in another
order, or with another version of a library. That is the weakness of this kind of compressor: *same* means every bit.

Has the network compressed? It has more weights than the text has letters. Sent in single precision, they alone would
take several times the text. Coded by learning on the way, nothing of them is sent, and the text shrinks to
{measured}`code-net-03` of its size without a model ({claim}`code-net-03`): both halves of the sentence of
{cite:t}`blier2018description`. But it does not beat gzip ({claim}`code-net-04`). A few ten thousand letters are too
few for a network that starts from nothing. The published compressors that win by far were trained on other text
before, and that text, or the weights, is not counted in what they compress ({claim}`code-net-05`).

## What the end of a loss curve does not tell

Two learners are often compared by their loss at the end. The message is the whole area. Counting models of order zero
to five, each with one half added to every count, shall show the difference: long contexts learn late and learn more.
"""

# %%
orders = list(range(6))
areas = sweep.grid(text_codes.order_losses, {"index": range(4 * stretches)}, orders=orders, **piece)
turned, same = (text_codes.inversions(areas["whole"], areas[part]).mean() for part in ("last", "whole"))
ledger.check("code-order-01", turned, control=same)
means = {"whole text": areas["whole"].mean(axis=0), "last tenth": areas["last"].mean(axis=0)}
table({"order": orders, **means})

# %% mystnb={"figure": {"caption": "Online loss of counting models of order 0 to 5, one half added to every count (mean over stretches).", "name": "fig-03-orders"}, "image": {"alt": "Six curves of bits per letter against letters coded. Order zero is level near five bits. The others start between five and six, the longer the context the higher, and fall below it. Order one is ahead at first; order two passes it early, order three about half way, order four near the end."}} tags=["hide-input"]
fig, (ax,) = plotting.panels([""], xlabel="letters coded", ylabel="bits per letter", height=3.2)
for k, colour in zip(orders, plotting.colours(6), strict=True):
    smooth = areas["curves"].mean(axis=0)[k].reshape(20, -1).mean(axis=1)
    style = dict(marker=plotting.MARKERS[k], markevery=3)
    ax.plot(length * (np.arange(20) + 0.5) / 20, smooth, label=f"order {k}", color=colour, **style)
_ = ax.legend(ncols=2)

# %% [markdown]
r"""
On average the last tenth ranks {measured}`code-order-01` of the fifteen pairs other than the whole text does
({claim}`code-order-01`). A lower loss at the end is a better model from there on; a shorter code is less spent on
getting there. The second is what a description length asks for.

## The control: noise

What if there is nothing to learn? The same number of letters is drawn evenly from the alphabet and handed to all five
compressors.
"""

# %% tags=["nbval-ignore-output"]
noise = dict(noise=True, **piece)
flat = sweep.grid(text_codes.baselines, {"index": texts}, **noise)
flat["counting"] = sweep.grid(text_codes.counting, {"index": texts}, order=order, **noise)["bits"]
flat["network"] = sweep.grid(text_codes.network, {"index": texts}, decode=False, **(net | noise))["bits"]
least = [np.min([run[name] / flat["plain"] for name in flat if name != "plain"], axis=0)
         for run in (flat, classic | {"counting": counted["bits"], "network": coded["bits"]})]  # fmt: skip
ledger.check("code-noise-01", least[0], control=least[1])
table({"code": list(flat), "noise, bits per letter": [flat[name].mean() / length for name in flat]})

# %% [markdown]
r"""
None gains ({claim}`code-noise-01`), and the more a model is ready to learn, the more it pays for learning what is not
there. No other code would do better: of all messages of $n$ bits less than one in a thousand has a word that is ten
bits shorter, simply because there are too few short words. (Our noise does have a short description, which the third
exercise finds. It is the program that drew it.)

## Softmax as emission probability: temperature

A network ends in numbers $z$, one for each letter or label, and the softmax makes them the probabilities with which
letters are emitted, $q(x) = e^{z_x/T}/\sum_{x'} e^{z_{x'}/T}$. The **temperature** $T$ is one for the network as it
was trained. Above one the distribution becomes flatter, below it sharper; the ranking of the labels, hence the
accuracy, does not change. The code length does. Its slope in $z/T$ is $q(\cdot) - 1_x$, prediction minus fact, which
is all that training ever sees of a letter. If letters are in truth emitted at $T^*$, coding them at $T$ costs
$\mathrm{KL}(q_{T^*}\,\Vert\,q_T)$ more ({claim}`code-temp-01`).

So whether a network is **calibrated**, whether of the things it calls certain by nine tenths nine tenths happen, can
be asked in bits: by how much does its best temperature shorten the code of labels that it has not seen? We ask it of
small networks trained to the end on a few hundred handwritten digits ({cite:t}`alpaydin1998optical`). The temperature
is fitted on half of the other images, and the code is measured on the rest.
"""

# %%
steps = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
scale = sweep.grid(codes.temperatures, {"index": seeds}, seed=seed, letters=10, grid=steps)
ledger.check("code-temp-01", scale["error"], control=scale["error_slip"])
train = dict(n=images, hidden=100, epochs=epochs, batch=50, rate=0.003)
digits = sweep.grid(calibration.labels, {"index": range(classifiers)}, seed=seed, **train)
ledger.check("code-temp-02", digits["temperature"], control=digits["temperature_own"])
saved, none = (1 - digits[f"{b}_mended"].sum() / digits[b].sum() for b in ("bits", "bits_own"))
ledger.check("code-temp-03", saved, control=none)

# %%
names = {"temperature": "best T", "bits": "bits at T = 1", "bits_mended": "at best T", "accuracy": "accuracy"}
few = slice(5)
table({"network": list(range(classifiers))[few], **{names[name]: digits[name][few] for name in names}})
show("bits per training label at T = 1 ", digits["train_loss"].mean(), digits=1)
show("bytes of all test labels at T = 1", digits["bytes"][few, 0].astype(int), digits=2)
show("at the best temperature          ", digits["bytes"][few, 1].astype(int), digits=2)

# %% [markdown]
r"""
The networks believe too firmly: their best temperature is {measured}`code-temp-02` ({claim}`code-temp-02`), and one
number fitted on other images saves {measured}`code-temp-03` of the code ({claim}`code-temp-03`),
{cite:t}`guo2017calibration`'s finding in small (the table has the first five networks). The control are labels drawn
from the network's own predictions, on which nothing is to be saved.

The image that cost most is shown below, temperature by temperature. The network is sure of a wrong digit. A confident
prediction has low entropy, right or wrong: entropy says nothing about being right as long as the network is not
calibrated.
"""

# %% mystnb={"figure": {"caption": "One test image, the one whose label is the longest message: predicted probabilities of the ten digits, the true one dark, and the bits that its label costs. Step through the temperature.", "name": "fig-03-temperature"}, "image": {"alt": "Frames of bar charts over the ten digits. At low temperature all probability is on one wrong digit and the label costs very many bits; as the temperature rises the bars become more even, the true digit gets its share, and the cost falls to a few bits."}} tags=["hide-input"]
z, truth = digits["logits"][0], digits["truth"][0].astype(int)
worst = coding.code_lengths(truth, coding.tempered(z, 1.0)).argmax()


def frame(t):
    row, options = coding.tempered(z[worst], t), dict(ylim=(0, 1), xticks=range(10), height=2.4)
    cost = entropy.bits(-np.log(row[truth[worst]]))
    fig, (ax,) = plotting.panels([f"{cost:.1f} bits"], xlabel="digit", ylabel="probability", **options)
    ax.bar(range(10), row, color=["black" if k == truth[worst] else "#7fa6c9" for k in range(10)])
    return fig


shown = [f"T = {t:g}" for t in steps]
plotting.frames(map(frame, steps), shown, name="Temperature", alt="Probabilities of the digits at {}".format)

# %% [markdown]
r"""
## What this page does not show

- A language model of any size. The network has one hidden layer, the text some ten thousand letters. That larger
  models compress better is the subject of {doc}`chapter 15 <15_scaling_laws>`.
- Decoding on another machine. Encoder and decoder ran in one process, on one thread.
- The best code for this text. The counting model has one setting, chosen on held-out docstrings. Compressors that mix
  many models are better.
- Two-part codes with fewer bits per weight: what a weight is worth is asked in
  {doc}`chapter 09 <09_information_in_the_weights>`.

## Exercises

1. *Whole words.* Letters come with $\tfrac25, \tfrac3{10}, \tfrac15, \tfrac1{10}$. How long are words of
   $\lceil -\log_2 p\rceil$ bits on average, how much above the entropy? And if a word stands for two letters, or
   three?
2. *Ten heads.* How many bits does a message of ten heads cost if one is added to the counts, and if one half is? And
   two hundred? What is the regret?
3. *The program of noise.* The noise of the control cost {measured}`code-noise-01` times its plain length. Give a much
   shorter description, from which it can be drawn again.
4. *Tokens.* Read the text in pairs of letters. What happens to cross-entropy and perplexity per token, and what to
   bits per letter?
"""

# %% tags=["hide-input"]
# Exercise 1: blocks share the rounding among their letters.
p = np.array([0.4, 0.3, 0.2, 0.1])
for size in (1, 2, 3):
    block = np.prod(np.meshgrid(*[p] * size), axis=0).ravel()
    show(f"bits per letter, words for {size}", block @ coding.shannon_lengths(block) / size)
show("entropy                     ", entropy.bits(entropy.entropy(p)))

# %% tags=["hide-input"]
# Exercise 2: the best coin needs nothing for all heads, so length and regret are one; the first grows like log2 n.
for n in (10, 200):
    bits = [float(entropy.bits(coding.mixture_length([n, 0], add))) for add in (1.0, 0.5)]
    show(f"{n} heads, add one and add one half, bits", bits)
    show("  log2(n + 1)", np.log2(n + 1))

# %% tags=["hide-input"]
# Exercise 3: the seed and the name of the stream; whoever has the program needs no more.
again = [text_codes.letters_of(seed, 0, length, True) for _ in range(2)]
show("letters that differ between two draws", (again[0] != again[1]).sum())
show("bytes of seed, name and length", len(f"{seed} {codes.NAME} noise 0 {length}".encode()))
show("bytes without a model", classic["plain"][0] / 8, digits=5)

# %% tags=["hide-input"]
# Exercise 4: a token of two letters has both their lengths; only the unit changes.
nats = coding.online_lengths(codes.stretch(seed, 0, length), 96, order=2)
for size in (1, 2):
    per_token = nats.reshape(-1, size).sum(axis=1).mean()
    show(f"tokens of {size}: nats per token, perplexity", [per_token, np.exp(per_token)])
    show("  bits per letter", entropy.bits(per_token) / size)

# %% [markdown]
r"""
## Verdicts

Each line is decided by a gate, shown in brackets, and by a planted violation (*control*) that must come out the other
way. Sources, statements and notes are in the {doc}`ledger <../book/ledger>`.
"""

# %% tags=["nbval-ignore-output"]
ledger.close()

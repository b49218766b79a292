# ---
# jupyter:
#   jupytext:
#     cell_markers: '"""'
#     cell_metadata_filter: tags,mystnb,-all
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
# A coin

The entropy of a coin that shows heads with probability $p$.
"""

# %% tags=["parameters"]
seed = 7  # root of all random streams, whole number [0..]
heads = 0.5  # probability of heads, none [0..1]
throws = 1000  # throws a unit, count [10..100000]
units = 5  # independent coins, count [1..50]
base = "nats"  # unit of entropy, name {nats|bits}
levels = [0.1, 0.5]  # probabilities tabulated, none [0..1]
loud = False  # print more, yes or no

# %%
import numpy as np

from itdl import rng
from itdl.claims import Ledger
from itdl.show import show

ledger = Ledger("01")


# %%
def entropy(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


show("fair coin", entropy(0.5), "nats")
frequencies = [rng.stream(seed, "coin", i).binomial(throws, heads) / throws for i in range(units)]
show("frequencies", frequencies)

# %%
ledger.check("coin-fair", entropy(0.5) - np.log(2), control=entropy(0.4) - np.log(2))
ledger.check("coin-sampled", np.abs(np.array(frequencies) - heads), control=np.full(units, 0.5))

# %%
ledger.close()

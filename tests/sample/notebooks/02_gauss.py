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
# A Gaussian channel

Its capacity grows with the logarithm of the signal-to-noise ratio.
"""

# %% tags=["parameters"]
seed = 7  # root of all random streams, whole number [0..]
snr = 3.0  # signal-to-noise ratio, none [0..]

# %%
import numpy as np

from itdl.claims import Ledger
from itdl.show import show

ledger = Ledger("02")
capacity = 0.5 * np.log1p(snr)
show("capacity", capacity, "nats")
ledger.check("gauss-capacity", capacity - np.log(np.sqrt(1 + snr)), control=capacity)
ledger.close()

"""Causal transformers, many at once: pre-LN decoders as practitioners train them, with their inside open to reading.

Parameters are a list of tensors with a leading axis over M models of one shape, so that `training` trains all of them
in one pass. There are no biases; maps stand on the right, x W with W (M, in, out). A layer is

    x <- skip x + W_out attention(norm(x));   x <- skip x + W_2 gelu(W_1 norm(x)),

with learned positions, a norm before the read-out and an untied read-out. Natural logarithms: losses are in nats.

Sources: vaswani2017attention (attention, heads, positions), ba2016layer (the norm; here before each branch).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

from itdl.checks import BadInput
from itdl.networks import Parameters

__all__ = ["Decoders", "Trace"]

EPS = 1e-5
OF_ATTENTION, OF_MLP = 3, 3  # tensors of the two branches: norm, map in, map out


@dataclass
class Trace:
    """What a forward pass saw, layer by layer.

    `scores[l]` (M, B, heads, T, T) are the logits of attention, masked ones -inf; `streams[l]` (M, B, T, width) is the
    residual stream that layer l + 1 reads, streams[0] the embedding; `logits` (M, B, T, vocabulary).
    """

    scores: list[Tensor] = field(default_factory=list)
    streams: list[Tensor] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))


@dataclass(frozen=True)
class Decoders:
    """One architecture of causal transformers."""

    vocabulary: int
    context: int  # the longest sequence that can be read
    width: int
    heads: int
    layers: int
    hidden: int | None = None  # of the MLPs: four times the width when None; 0 for attention alone
    skip: float = 1.0  # what is kept of the stream beside each branch

    def __post_init__(self) -> None:
        sizes = {"vocabulary": self.vocabulary, "context": self.context, "width": self.width, "heads": self.heads}
        for name, value in sizes.items():
            if value < 1:
                raise BadInput(f"{name} is {value}; it must be at least 1")
        if self.layers < 0 or (self.hidden is not None and self.hidden < 0):
            raise BadInput(f"layers is {self.layers} and hidden {self.hidden}; neither can be negative")
        if self.width % self.heads:
            raise BadInput(f"width is {self.width} with {self.heads} heads; it must be a multiple of them")

    @property
    def inner(self) -> int:
        """Width of the hidden layer of the MLPs."""
        return 4 * self.width if self.hidden is None else self.hidden

    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the parameters of one model, in their order."""
        return [shape for shape, _ in self._plan()]

    def _plan(self) -> list[tuple[tuple[int, ...], float]]:
        """Shape of each parameter and the deviation it starts with; 0 for gains, which start at 1."""
        d, h, into_stream = self.width, self.inner, (2 * max(self.layers, 1)) ** -0.5
        layer: list[tuple[tuple[int, ...], float]] = [((d,), 0), ((d, 3 * d), d**-0.5), ((d, d), d**-0.5 * into_stream)]
        if h:
            layer += [((d,), 0), ((d, h), d**-0.5), ((h, d), h**-0.5 * into_stream)]
        return [
            ((self.vocabulary, d), 0.1), ((self.context, d), 0.1), *layer * self.layers, ((d,), 0),
            ((d, self.vocabulary), 1 / d),
        ]  # fmt: skip

    def count(self, *, embeddings: bool = True) -> int:
        """Parameters of one model; without `embeddings`, those of the layers and norms alone (no tokens, positions,
        read-out)."""
        sizes = [int(torch.Size(shape).numel()) for shape in self.shapes()]
        return sum(sizes) if embeddings else sum(sizes[2:-1])

    def initialise(self, generators: Sequence[torch.Generator], *, dtype: torch.dtype = torch.float32) -> Parameters:
        """One model per generator.

        Maps are normal of deviation 1/sqrt(fan in), less by sqrt(2 layers) where they write into the stream; embeddings
        of deviation 0.1, the read-out 1/width; gains of norms are 1.
        """
        models = [[_draw(*entry, generator) for entry in self._plan()] for generator in generators]
        return [torch.stack(parts).to(dtype) for parts in zip(*models, strict=True)]

    def forward(self, parameters: Parameters, tokens: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Logits of the next token at every position.   tokens (B, T) or (M, B, T) -> (M, B, T, vocabulary).

        `noise`, layers + 1 tensors that broadcast to (M, B, T, width), is added to the embedding and to the stream
        after each layer.
        """
        return self._run(parameters, tokens, noise, None)

    def trace(self, parameters: Parameters, tokens: Tensor, noise: Sequence[Tensor] | None = None) -> Trace:
        """The same pass with its attention and its streams kept."""
        seen = Trace()
        seen.logits = self._run(parameters, tokens, noise, seen)
        return seen

    def surprisals(self, parameters: Parameters, tokens: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """-log p(token | those before it), in nats, of all but the first.   (B, T) or (M, B, T) -> (M, B, T - 1)."""
        logits = self.forward(parameters, tokens[..., :-1], noise)
        following = tokens[..., 1:].expand(logits.shape[:-1])
        return cross_entropy(logits.flatten(0, 2), following.flatten(), reduction="none").view(following.shape)

    def step(self, layer: Parameters, x: Tensor) -> Tensor:
        """One layer on a stream, x (M, B, T, width) -> the same; `layer` as `split` gives it."""
        return self._layer(layer, x, None)

    def split(self, parameters: Parameters) -> tuple[Parameters, list[Parameters], Parameters]:
        """Embeddings (tokens, positions), the parameters of each layer, and the read-out (norm, map)."""
        size = OF_ATTENTION + (OF_MLP if self.inner else 0)
        body = parameters[2:-2]
        return parameters[:2], [body[i : i + size] for i in range(0, len(body), size)], parameters[-2:]

    def embed(self, embeddings: Parameters, tokens: Tensor) -> Tensor:
        """Token plus position vectors.   (B, T) or (M, B, T) -> (M, B, T, width)."""
        words, places = embeddings
        tokens = tokens.expand(len(words), *tokens.shape[-2:])
        if tokens.shape[-1] > self.context:
            raise BadInput(f"tokens has sequences of {tokens.shape[-1]}; the context is {self.context}")
        model = torch.arange(len(words), device=words.device)[:, None, None]
        return words[model, tokens] + places[:, None, : tokens.shape[-1]]

    def _run(
        self, parameters: Parameters, tokens: Tensor, noise: Sequence[Tensor] | None, seen: Trace | None
    ) -> Tensor:
        embeddings, layers, (gain, readout) = self.split(parameters)
        if noise is not None and len(noise) != self.layers + 1:
            raise BadInput(f"noise has {len(noise)} entries; pass one for the embedding and one for each layer")
        added: Iterator[Tensor | float] = iter(noise if noise is not None else [0.0] * (self.layers + 1))
        x = self.embed(embeddings, tokens)
        x = x + next(added) if noise is not None else x
        for layer in layers:
            if seen is not None:
                seen.streams.append(x)
            x = self._layer(layer, x, seen)
            x = x + next(added) if noise is not None else x
        if seen is not None:
            seen.streams.append(x)
        return _times(_norm(x, gain), readout)

    def _layer(self, layer: Parameters, x: Tensor, seen: Trace | None) -> Tensor:
        gain, qkv, out, *mlp = layer
        x = self.skip * x + _times(self._attend(_times(_norm(x, gain), qkv), seen), out)
        if mlp:
            gain, inside, outside = mlp
            x = self.skip * x + _times(gelu(_times(_norm(x, gain), inside)), outside)
        return x

    def _attend(self, qkv: Tensor, seen: Trace | None) -> Tensor:
        """softmax(q k^T/sqrt(d/heads)) v in each head, over the tokens up to each.   (M, B, T, 3 d) -> (M, B, T, d)."""
        models, batch, length, _ = qkv.shape
        q, k, v = qkv.view(models, batch, length, 3, self.heads, -1).permute(3, 0, 1, 4, 2, 5).unbind(0)
        if seen is None:
            rows = [p.flatten(0, 1) for p in (q, k, v)]
            heard = scaled_dot_product_attention(rows[0], rows[1], rows[2], is_causal=True).view(q.shape)
        else:
            future = torch.ones(length, length, dtype=torch.bool, device=qkv.device).triu(1)
            scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(future, -torch.inf)
            seen.scores.append(scores)
            heard = torch.softmax(scores, dim=-1) @ v
        return heard.transpose(2, 3).flatten(3)


def _draw(shape: tuple[int, ...], deviation: float, generator: torch.Generator) -> Tensor:
    """Normal numbers of that deviation; ones where it is 0."""
    if deviation == 0:
        return torch.ones(shape, dtype=torch.float64)
    return deviation * torch.randn(shape, generator=generator, dtype=torch.float64)


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    """Layer normalisation along the last axis.   x (M, B, T, d), gain (M, d)."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=EPS) * gain[:, None, None]


def _times(x: Tensor, w: Tensor) -> Tensor:
    """x (M, B, T, i), w (M, i, o) -> (M, B, T, o)."""
    return torch.bmm(x.flatten(1, 2), w).view(*x.shape[:-1], -1)

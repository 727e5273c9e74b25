"""Transformer decoder over a whole window: equations and names of tensors as in src/decoders/transformer/transformer.ts.

Attention is one product over all pairs of bins with a band mask, as PyTorch's users write it.
"""

import math

import torch
from torch.nn import functional as F

ROTARY_BASE = 10_000.0


def rotary(bins: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [T, D / 2] of position times frequency."""
    frequency = ROTARY_BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = torch.arange(bins, dtype=torch.float64)[:, None] * frequency
    return angle.cos().float(), angle.sin().float()


def turn(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """x [..., T, D]: features 2i and 2i + 1 turn together."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)


def band(bins: int, window: int) -> torch.Tensor:
    """[T, T]: 0 where a bin attends, else -infinity."""
    age = torch.arange(bins)[:, None] - torch.arange(bins)[None, :]
    return torch.zeros(bins, bins).masked_fill((age < 0) | (age >= window), -torch.inf)


def attention(qkv: torch.Tensor, heads: int, turns, mask: torch.Tensor) -> torch.Tensor:
    """qkv [T, B, 3E] -> [T, B, E]"""
    bins, batch, triple = qkv.shape
    width = triple // 3 // heads
    query, key, value = qkv.view(bins, batch * 3 * heads, width).transpose(0, 1).reshape(
        batch, 3, heads, bins, width
    ).unbind(1)
    query, key = turn(query, *turns), turn(key, *turns)
    flat = (batch * heads, bins, width)
    scores = torch.baddbmm(
        mask, query.reshape(flat), key.reshape(flat).transpose(1, 2), alpha=1 / math.sqrt(width)
    )
    out = scores.softmax(dim=-1) @ value.reshape(flat)
    return out.view(batch, heads, bins, width).permute(2, 0, 1, 3).reshape(bins, batch, heads * width)


def decode(p: dict[str, torch.Tensor], config: dict, x: torch.Tensor, parts: list[int]):
    """x [T, B, I] -> outputs [T, B, O], penalties"""

    def linear(x, name):
        return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"])

    heads = config["headCount"]
    turns = rotary(len(x), config["width"] // heads)
    mask = band(len(x), config["windowBins"])
    x = linear(x, "embedding")
    for index in range(config["layerCount"]):
        layer = f"layers.{index}"
        attn = f"{layer}.self_attn"
        qkv = F.linear(norm(x, f"{layer}.norm1"), p[f"{attn}.in_proj_weight"], p[f"{attn}.in_proj_bias"])
        x = x + linear(attention(qkv, heads, turns, mask), f"{attn}.out_proj")
        units = F.gelu(linear(norm(x, f"{layer}.norm2"), f"{layer}.linear1"), approximate="tanh")
        x = x + linear(units, f"{layer}.linear2")
    return linear(norm(x, "norm"), "readout"), []

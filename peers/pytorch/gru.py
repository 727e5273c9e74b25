"""GRU decoder over a whole window: equations and names of tensors as in src/decoders/gru/gru.ts."""

import torch
from torch.nn import functional as F


def decode(p: dict[str, torch.Tensor], config: dict, x: torch.Tensor, parts: list[int]):
    """x [T, B, I] -> outputs [T, B, O], penalties. `torch.gru` is what torch.nn.GRU calls."""
    layers, hidden = config["layerCount"], config["hiddenCount"]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [p[f"rnn.{name}_l{layer}"] for layer in range(layers) for name in names]
    start = x.new_zeros(layers, x.shape[1], hidden)
    states, _ = torch.gru(x, start, weights, True, layers, 0.0, True, False, False)
    return F.linear(states, p["readout.weight"], p["readout.bias"]), []

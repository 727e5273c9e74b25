"""RWKV-4 decoder over a whole window: equations and names of tensors as in src/decoders/rwkv/rwkv.ts.

Maps, mixes and norms run over all bins at once; only the weighted average is a loop.
"""

import torch
from torch.nn import functional as F


def wkv_scan(k: torch.Tensor, v: torch.Tensor, decay: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """[T, B, F]. Numerator and denominator share their exponents, so both lie in one state [2, B, F].

    The running exponent only keeps numbers small: whatever it is, it cancels, so no gradient goes through it.
    """
    w = -decay.exp()
    values = torch.stack([v, torch.ones_like(v)], dim=1)  # [T, 2, B, F]
    state = torch.zeros_like(values[0])
    exponent = torch.full_like(k[0], -torch.inf).detach()
    sums = []
    for key, bonus_key, value in zip(k.unbind(0), (first + k).unbind(0), values.unbind(0)):
        top = torch.maximum(exponent, bonus_key.detach())
        sums.append(torch.exp(exponent - top) * state + torch.exp(bonus_key - top) * value)
        kept = exponent + w
        exponent = torch.maximum(kept, key).detach()
        state = torch.exp(kept - exponent) * state + torch.exp(key - exponent) * value
    numerator, denominator = torch.stack(sums).unbind(1)
    return numerator / denominator


def decode(p: dict[str, torch.Tensor], config: dict, x: torch.Tensor, parts: list[int]):
    """x [T, B, I] -> outputs [T, B, O], penalties"""

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"])

    def mixes(n, name, letters):
        """Of every bin with the bin before, one for each letter."""
        before = F.pad(n[:-1], (0, 0, 0, 0, 1, 0))
        change = n - before
        return [torch.addcmul(before, change, p[f"{name}.time_mix_{letter}"]) for letter in letters]

    x = norm(F.linear(x, p["embedding.weight"], p["embedding.bias"]), "blocks.0.ln0")
    for index in range(config["layerCount"]):
        block = f"blocks.{index}"
        att, ffn = f"{block}.att", f"{block}.ffn"
        mixed_r, mixed_k, mixed_v = mixes(norm(x, f"{block}.ln1"), att, "rkv")
        r = F.linear(mixed_r, p[f"{att}.receptance.weight"]).sigmoid()
        k = F.linear(mixed_k, p[f"{att}.key.weight"])
        v = F.linear(mixed_v, p[f"{att}.value.weight"])
        wkv = wkv_scan(k, v, p[f"{att}.time_decay"], p[f"{att}.time_first"])
        x = x + F.linear(r * wkv, p[f"{att}.output.weight"])
        mixed_r, mixed_k = mixes(norm(x, f"{block}.ln2"), ffn, "rk")
        gate = F.linear(mixed_r, p[f"{ffn}.receptance.weight"]).sigmoid()
        hidden = F.linear(mixed_k, p[f"{ffn}.key.weight"]).relu().square()
        x = x + gate * F.linear(hidden, p[f"{ffn}.value.weight"])
    return F.linear(norm(x, "ln_out"), p["readout.weight"], p["readout.bias"]), []

"""Mamba decoder over a whole window: equations and names of tensors as in src/decoders/mamba/mamba.ts.

Maps and convolutions run over all bins at once; only the selective scan is a loop.
"""

import torch
from torch.nn import functional as F

NORM_EPSILON = 1e-5


def rms_norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + NORM_EPSILON) * gain


def causal_conv(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """x [T, B, D], weight [D, 1, K]: each channel by itself over the last K bins."""
    bins = weight.shape[-1]
    padded = F.pad(x.permute(1, 2, 0), (bins - 1, 0))  # [B, D, K - 1 + T]
    return F.conv1d(padded, weight, bias, groups=len(weight)).permute(2, 0, 1)


def selective_scan(x, dt, a, b, c, skip):
    """x, dt [T, B, D], a [D, N], b, c [T, B, N], skip [D] -> [T, B, D]

    One step's decays and products fit in the cache; those of all bins at once do not, and take twice the time.
    """
    h = x.new_zeros(*x.shape[1:], a.shape[1])  # [B, D, N]
    drive = dt * x
    outputs = []
    for dt_t, drive_t, b_t, c_t in zip(dt.unbind(0), drive.unbind(0), b.unbind(0), c.unbind(0)):
        h = torch.addcmul(torch.exp(dt_t[..., None] * a) * h, drive_t[..., None], b_t[:, None])
        outputs.append((h * c_t[:, None]).sum(-1))
    return torch.stack(outputs) + skip * x


def decode(p: dict[str, torch.Tensor], config: dict, x: torch.Tensor, parts: list[int]):
    """x [T, B, I] -> outputs [T, B, O], penalties"""
    states, rank = config["stateCount"], config["rankCount"]
    u = F.linear(x, p["embedding.weight"], p["embedding.bias"])
    for index in range(config["layerCount"]):
        layer = f"layers.{index}"
        mixer = f"{layer}.mixer"
        normed = rms_norm(u, p[f"{layer}.norm.weight"])
        x, z = F.linear(normed, p[f"{mixer}.in_proj.weight"]).chunk(2, dim=-1)  # [T, B, D] each
        x = F.silu(causal_conv(x, p[f"{mixer}.conv1d.weight"], p[f"{mixer}.conv1d.bias"]))
        r, b, c = F.linear(x, p[f"{mixer}.x_proj.weight"]).split([rank, states, states], dim=-1)
        dt = F.softplus(F.linear(r, p[f"{mixer}.dt_proj.weight"], p[f"{mixer}.dt_proj.bias"]))
        y = selective_scan(x, dt, -p[f"{mixer}.A_log"].exp(), b, c, p[f"{mixer}.D"])
        u = u + F.linear(y * F.silu(z), p[f"{mixer}.out_proj.weight"])
    return F.linear(rms_norm(u, p["norm_f.weight"]), p["readout.weight"], p["readout.bias"]), []

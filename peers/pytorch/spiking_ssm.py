"""Spiking state space decoder over a whole window: equations and names of tensors as in
src/decoders/spiking-ssm/spiking-ssm.ts, for its default neuron.

The state space model is a convolution by FFT, as its authors compute it (Gu et al. 2022, arXiv 2206.11893, section 3.3). The
membranes are a loop; because the spike that resets one has no gradient, the spikes themselves are taken of all bins at once.
"""

import torch
from torch.nn import functional as F

NORM_EPSILON, MOMENTUM = 1e-5, 0.1


class TriangularSpike(torch.autograd.Function):
    """1 from 0 on, with a triangle in place of the derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (1 - x.abs()).clamp(min=0)


def s4d(u: torch.Tensor, log_dt, log_a_real, a_imag, c, d) -> torch.Tensor:
    """u [T, B, H] -> [T, B, H]; zero-order hold, B = 1."""
    bins = len(u)
    eigenvalue = torch.complex(-log_a_real.exp(), a_imag)  # [H, N/2]
    z = log_dt.exp()[:, None] * eigenvalue
    weight = 2 * torch.view_as_complex(c) * (z.exp() - 1) / eigenvalue
    powers = torch.exp(z[..., None] * torch.arange(bins))  # [H, N/2, T]
    kernel = (weight[..., None] * powers).sum(1).real  # [H, T]
    spectrum = torch.fft.rfft(kernel, n=2 * bins) * torch.fft.rfft(u.permute(1, 2, 0), n=2 * bins)
    return torch.fft.irfft(spectrum, n=2 * bins)[..., :bins].permute(2, 0, 1) + d * u


def lif(drive: torch.Tensor, decay: float) -> torch.Tensor:
    """drive [T, B, H], in units of the threshold -> spikes [T, B, H]"""
    membrane = torch.zeros_like(drive[0])
    membranes = []
    for drive_t in drive.unbind(0):
        u = torch.add(drive_t, membrane, alpha=decay)
        membranes.append(u)
        membrane = u.masked_fill(u >= 1, 0)
    return TriangularSpike.apply(torch.stack(membranes) - 1)


def batch_norm(x: torch.Tensor, gain, bias, mean, variance, parts: list[int]) -> torch.Tensor:
    """x [T, B, H]; every part of the batch by its own statistics, as where a batch is split over threads."""
    normed = [
        F.batch_norm(part.flatten(0, 1), mean, variance, gain, bias, True, MOMENTUM, NORM_EPSILON).view(part.shape)
        for part in (x.split(parts, dim=1) if len(parts) > 1 else [x])
    ]
    return torch.cat(normed, dim=1) if len(parts) > 1 else normed[0]


def decode(p: dict[str, torch.Tensor], config: dict, x: torch.Tensor, parts: list[int]):
    """x [T, B, I] -> outputs [T, B, O], penalties"""
    if (config["neuron"], config["surrogate"]) != ("lif", "triangular"):
        raise ValueError(f"no neuron {config['neuron']} with {config['surrogate']} here")
    x = F.linear(x, p["embedding.weight"], p["embedding.bias"])
    penalties = []
    for index in range(config["layerCount"]):
        layer = f"layers.{index}"
        names = ("log_dt", "log_A_real", "A_imag", "C", "D")
        y = s4d(x, *(p[f"{layer}.ssm.{name}"] for name in names))
        s = lif(y * torch.exp(-p[f"{layer}.neuron.ln_vth"]), config["membraneDecay"])
        rate = s.mean((0, 2))  # [B]
        penalties.append(config["ratePenalty"] * (rate - config["targetRate"]).square().mean())
        mixed = F.glu(F.linear(s, p[f"{layer}.mix.weight"], p[f"{layer}.mix.bias"]))
        norms = ("weight", "bias", "running_mean", "running_var")
        x = batch_norm(x + mixed, *(p[f"{layer}.norm.{name}"] for name in norms), parts)
    return F.linear(x, p["readout.weight"], p["readout.bias"]), penalties

"""Golden tensors of Mamba decoders: see decoder_golden.py. Usage: python3 tools/golden/mamba.py [FOLDER]

Written from the equations (Gu and Dao 2023, arXiv 2312.00752, algorithm 2), one step at a time; parameters have the names
of the authors' package mamba-ssm.
"""

import math

import torch
import torch.nn.functional as F
from decoder_golden import SIZES, write_goldens

NORM_EPSILON = 1e-5


class RmsNorm(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(1 + 0.2 * torch.randn(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x / torch.sqrt((x**2).mean(-1, keepdim=True) + NORM_EPSILON)


class Mixer(torch.nn.Module):
    """u [B, W] -> [B, W], one step; the state is (the last K - 1 inputs of the convolution [B, K - 1, D], h [B, D, N])."""

    def __init__(self, width: int, states: int, bins: int, expand: int, rank: int) -> None:
        super().__init__()
        channels = expand * width
        self.sizes = (channels, states, bins, rank)
        self.in_proj = torch.nn.Linear(width, 2 * channels, bias=False)
        self.conv1d = torch.nn.Conv1d(channels, channels, bins, groups=channels)
        self.x_proj = torch.nn.Linear(channels, rank + 2 * states, bias=False)
        self.dt_proj = torch.nn.Linear(rank, channels)
        self.A_log = torch.nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(channels, 1))
        self.D = torch.nn.Parameter(1 + 0.2 * torch.randn(channels))
        self.out_proj = torch.nn.Linear(channels, width, bias=False)
        dt = torch.exp(math.log(0.02) + torch.rand(channels) * math.log(0.5 / 0.02))
        with torch.no_grad():
            self.dt_proj.bias.copy_(torch.log(torch.expm1(dt)))  # the inverse of softplus

    def fresh(self, rows: int, like: torch.Tensor):
        channels, states, bins, _ = self.sizes
        return like.new_zeros(rows, bins - 1, channels), like.new_zeros(rows, channels, states)

    def forward(self, u: torch.Tensor, state):
        history, h = state
        channels, states, _, rank = self.sizes
        x, z = self.in_proj(u).split(channels, dim=-1)  # [B, D] each
        inputs = torch.cat([history, x[:, None]], dim=1)  # [B, K, D]
        x = F.silu((inputs * self.conv1d.weight[:, 0].T).sum(1) + self.conv1d.bias)
        r, b, c = self.x_proj(x).split([rank, states, states], dim=-1)
        dt = F.softplus(self.dt_proj(r))  # [B, D]
        a = -torch.exp(self.A_log)  # [D, N]
        h = torch.exp(dt[..., None] * a) * h + (dt * x)[..., None] * b[:, None]  # [B, D, N]
        y = (h * c[:, None]).sum(-1) + self.D * x
        return self.out_proj(y * F.silu(z)), (inputs[:, 1:], h)


class Layer(torch.nn.Module):
    def __init__(self, width: int, **sizes: int) -> None:
        super().__init__()
        self.norm = RmsNorm(width)
        self.mixer = Mixer(width, **sizes)


class MambaDecoder(torch.nn.Module):
    def __init__(self, width: int, layers: int, **sizes: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Linear(SIZES["inputs"], width)
        self.layers = torch.nn.ModuleList(Layer(width, **sizes) for _ in range(layers))
        self.norm_f = RmsNorm(width)
        self.readout = torch.nn.Linear(width, SIZES["outputs"])

    def update_of(self, name: str) -> str:
        is_spared = name.endswith(("A_log", ".D", "dt_proj.bias")) or "norm" in name
        return "undecayed" if is_spared else "decayed"

    def rows_step(self, x: torch.Tensor, states):
        """x [B, I] -> [B, O]"""
        u = self.embedding(x)
        states = states or [layer.mixer.fresh(len(x), x) for layer in self.layers]
        after = []
        for layer, state in zip(self.layers, states):
            added, state = layer.mixer(layer.norm(u), state)
            u = u + added
            after.append(state)
        return self.readout(self.norm_f(u)), after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, outputs = None, []
        for row in x:
            output, states = self.rows_step(row, states)
            outputs.append(output)
        return torch.stack(outputs)

    def step(self, features: torch.Tensor, state):
        output, state = self.rows_step(features[None], state)
        return output[0], state


def case(layers: int, width: int, states: int, bins: int, expand: int, rank: int):
    # No dropout: its masks are ours.
    config = {
        "width": width,
        "layerCount": layers,
        "stateCount": states,
        "convBins": bins,
        "expand": expand,
        "rankCount": rank,
        "inputDropout": 0,
        "layerDropout": 0,
    }
    return (
        f"mamba-{layers}",
        config,
        lambda: MambaDecoder(width, layers, states=states, bins=bins, expand=expand, rank=rank),
    )


CASES = [
    case(layers=1, width=10, states=16, bins=4, expand=2, rank=1),
    case(layers=2, width=7, states=5, bins=3, expand=3, rank=2),
]
write_goldens("mamba", "mamba.py", CASES, base_seed=20260320)

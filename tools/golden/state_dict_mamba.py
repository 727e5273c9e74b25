"""Mamba under the names and shapes of the authors' package mamba-ssm, over a whole stream at once.

MambaLMHeadModel has backbone.embedding, backbone.layers.N.{mixer,norm}, backbone.norm_f and lm_head (no bias); the norms are
RMSNorm. Here a linear map of features stands in place of the table of words.

The state is never stepped: with s_t = dt_1 + ... + dt_t, unrolling h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t gives
h_t = sum over i <= t of exp((s_t - s_i) A) dt_i x_i B_i (Gu and Dao 2023, arXiv 2312.00752, equation 2 with B by Euler's rule).
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

NORM_EPSILON = 1e-5


class RmsNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.6 + 0.8 * torch.rand(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPSILON)


class Mixer(nn.Module):
    def __init__(self, width: int, states: int, conv: int = 4, expand: int = 2) -> None:
        super().__init__()
        inner, rank = expand * width, math.ceil(width / 16)
        self.parts = [rank, states, states]
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, conv, groups=inner, padding=conv - 1)
        self.x_proj = nn.Linear(inner, sum(self.parts), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, states + 1)) + 0.2 * torch.randn(inner, states))
        self.D = nn.Parameter(torch.randn(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        """u [T, W] -> [T, W]"""
        x, z = self.in_proj(u).chunk(2, dim=-1)
        x = F.silu(self.conv1d(x.T)[:, : len(u)].T)  # padded on both sides: the first T see no later bin
        r, b, c = self.x_proj(x).split(self.parts, dim=-1)
        dt = F.softplus(self.dt_proj(r))  # [T, D]
        elapsed = dt.cumsum(0)
        since = elapsed[:, None] - elapsed[None]  # [T, T, D], from bin i (second) to bin t (first)
        is_past = torch.ones(len(u), len(u)).tril().bool()[..., None, None]
        kept = torch.exp(since[..., None] * -torch.exp(self.A_log)).where(is_past, torch.zeros((), dtype=u.dtype))
        y = torch.einsum("tidn,id,in,tn->td", kept, dt * x, b, c) + self.D * x
        return self.out_proj(y * F.silu(z))


class Block(nn.Module):
    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        self.mixer = Mixer(width, states)
        self.norm = RmsNorm(width)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        return u + self.mixer(self.norm(u))


class Backbone(nn.Module):
    def __init__(self, inputs: int, width: int, layers: int, states: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(Block(width, states) for _ in range(layers))
        self.norm_f = RmsNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        u = self.embedding(x)
        for layer in self.layers:
            u = layer(u)
        return self.norm_f(u)


class HeadModel(nn.Module):
    """x [T, I] -> [T, O]"""

    def __init__(self, inputs: int, width: int, layers: int, outputs: int, states: int) -> None:
        super().__init__()
        self.backbone = Backbone(inputs, width, layers, states)
        self.lm_head = nn.Linear(width, outputs, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lm_head(self.backbone(x))

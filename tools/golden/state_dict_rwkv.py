"""RWKV-4 under the names and shapes of the authors' code, over a whole stream at once.

Their GPT has emb, blocks.N.{ln1,ln2,att,ffn}, blocks.0.ln0, ln_out and head, and no bias in any map; time_mix_* are [1, 1, d].
Here a linear map of features stands in place of the table of words.

There is no state: wkv is the weighted mean of Peng et al. 2023, arXiv 2305.13048, equation 16, taken over all bins so far.
"""

import torch
import torch.nn.functional as F
from torch import nn


def shares(width: int) -> nn.Parameter:
    return nn.Parameter(torch.rand(1, 1, width))


def mixed(x: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Of every bin with the one before. x [1, T, d]"""
    before = F.pad(x, (0, 0, 1, -1))
    return share * x + (1 - share) * before


class TimeMix(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_decay = nn.Parameter(-5 + 6 * torch.rand(width))
        self.time_first = nn.Parameter(torch.randn(width))
        self.time_mix_k = shares(width)
        self.time_mix_v = shares(width)
        self.time_mix_r = shares(width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.receptance = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k = self.key(mixed(x, self.time_mix_k))[0]  # [T, d]
        v = self.value(mixed(x, self.time_mix_v))[0]
        r = torch.sigmoid(self.receptance(mixed(x, self.time_mix_r)))
        bins = torch.arange(len(k))
        age = (bins[:, None] - bins[None] - 1)[..., None]  # of bin i (second) at bin t (first); -1: the same bin
        exponent = k[None] - age.clamp(min=0) * torch.exp(self.time_decay)
        exponent = torch.where(age == -1, k[None] + self.time_first, exponent)
        weight = torch.softmax(exponent.masked_fill(age < -1, -torch.inf), dim=1)
        return self.output(r * (weight * v[None]).sum(1))


class ChannelMix(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_mix_k = shares(width)
        self.time_mix_r = shares(width)
        self.key = nn.Linear(width, 4 * width, bias=False)
        self.receptance = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k = torch.relu(self.key(mixed(x, self.time_mix_k))).square()
        return torch.sigmoid(self.receptance(mixed(x, self.time_mix_r))) * self.value(k)


def norm(width: int) -> nn.LayerNorm:
    layer = nn.LayerNorm(width)
    nn.init.uniform_(layer.weight, 0.6, 1.4)
    nn.init.uniform_(layer.bias, -0.3, 0.3)
    return layer


class Block(nn.Module):
    def __init__(self, width: int, index: int) -> None:
        super().__init__()
        self.ln1 = norm(width)
        self.ln2 = norm(width)
        if index == 0:
            self.ln0 = norm(width)
        self.att = TimeMix(width)
        self.ffn = ChannelMix(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if hasattr(self, "ln0"):
            x = self.ln0(x)
        x = x + self.att(self.ln1(x))
        return x + self.ffn(self.ln2(x))


class Rwkv(nn.Module):
    """x [T, I] -> [T, O]"""

    def __init__(self, inputs: int, width: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.emb = nn.Linear(inputs, width, bias=False)
        self.blocks = nn.Sequential(*(Block(width, index) for index in range(layers)))
        self.ln_out = norm(width)
        self.head = nn.Linear(width, outputs, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.ln_out(self.blocks(self.emb(x[None]))))[0]

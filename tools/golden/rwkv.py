"""Golden tensors of RWKV-4 decoders: see decoder_golden.py. Usage: python3 tools/golden/rwkv.py [FOLDER]

Written from the equations of src/decoders/rwkv/rwkv.ts, one bin after another. Parameters are drawn at random: those of a
fresh decoder leave half of it at zero.
"""

import torch
from decoder_golden import SIZES, write_goldens
from torch import nn


def vector(width: int, low: float, high: float) -> nn.Parameter:
    return nn.Parameter(low + (high - low) * torch.rand(width))


def mix(mu: torch.Tensor, n: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    return mu * n + (1 - mu) * before


class TimeMixing(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_decay = vector(width, -4, 2)
        self.time_first = vector(width, -2, 1)
        for name in ("time_mix_r", "time_mix_k", "time_mix_v"):
            setattr(self, name, vector(width, 0, 1.2))
        for name in ("receptance", "key", "value", "output"):
            setattr(self, name, nn.Linear(width, width, bias=False))

    def step(self, n: torch.Tensor, state):
        """n [..., d]; state: n of the bin before, aa, bb, pp."""
        before, aa, bb, pp = state
        r = torch.sigmoid(self.receptance(mix(self.time_mix_r, n, before)))
        k = self.key(mix(self.time_mix_k, n, before))
        v = self.value(mix(self.time_mix_v, n, before))
        u, w = self.time_first, -torch.exp(self.time_decay)
        q = torch.maximum(pp, u + k)
        past, present = torch.exp(pp - q), torch.exp(u + k - q)
        wkv = (past * aa + present * v) / (past * bb + present)
        q = torch.maximum(pp + w, k)
        kept, added = torch.exp(pp + w - q), torch.exp(k - q)
        return self.output(r * wkv), (n, kept * aa + added * v, kept * bb + added, q)


class ChannelMixing(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.time_mix_r = vector(width, 0, 1.2)
        self.time_mix_k = vector(width, 0, 1.2)
        self.receptance = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, hidden, bias=False)
        self.value = nn.Linear(hidden, width, bias=False)

    def step(self, n: torch.Tensor, before: torch.Tensor):
        r = torch.sigmoid(self.receptance(mix(self.time_mix_r, n, before)))
        k = torch.relu(self.key(mix(self.time_mix_k, n, before))) ** 2
        return r * self.value(k), n


class Block(nn.Module):
    def __init__(self, index: int, width: int, hidden: int) -> None:
        super().__init__()
        if index == 0:
            self.ln0 = norm(width)
        self.ln1 = norm(width)
        self.ln2 = norm(width)
        self.att = TimeMixing(width)
        self.ffn = ChannelMixing(width, hidden)

    def step(self, x: torch.Tensor, state):
        time, channel = state
        if hasattr(self, "ln0"):
            x = self.ln0(x)
        added, time = self.att.step(self.ln1(x), time)
        x = x + added
        added, channel = self.ffn.step(self.ln2(x), channel)
        return x + added, (time, channel)


def norm(width: int) -> nn.LayerNorm:
    layer = nn.LayerNorm(width)
    nn.init.uniform_(layer.weight, 0.5, 1.5)
    nn.init.uniform_(layer.bias, -0.3, 0.3)
    return layer


class RwkvDecoder(nn.Module):
    def __init__(self, width: int, layers: int, hidden: int) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Linear(SIZES["inputs"], width)
        self.blocks = nn.ModuleList(Block(index, width, hidden) for index in range(layers))
        self.ln_out = norm(width)
        self.readout = nn.Linear(width, SIZES["outputs"])

    def fresh(self, like: torch.Tensor):
        zero = torch.zeros(*like.shape[:-1], self.width, dtype=like.dtype)
        return [((zero, zero, zero, zero - torch.inf), zero) for _ in self.blocks]

    def step(self, features: torch.Tensor, states):
        """features [..., I]"""
        states = self.fresh(features) if states is None else states
        x = self.embedding(features)
        following = []
        for block, state in zip(self.blocks, states):
            x, state = block.step(x, state)
            following.append(state)
        return self.readout(self.ln_out(x)), following

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, outputs = None, []
        for features in x:
            output, states = self.step(features, states)
            outputs.append(output)
        return torch.stack(outputs)

    def update_of(self, name: str) -> str:
        is_norm = ".ln" in name or name.startswith("ln_")
        return "undecayed" if is_norm or ".time_" in name else "decayed"


def case(name: str, width: int, layers: int, hidden: int):
    # No dropout: its masks are ours.
    sizes = {"width": width, "layerCount": layers, "feedForwardCount": hidden}
    config = sizes | {"inputDropout": 0, "layerDropout": 0}
    return f"rwkv-{name}", config, lambda: RwkvDecoder(width, layers, hidden)


write_goldens("rwkv", "rwkv.py", [case("1", 9, 1, 13), case("2", 8, 2, 14)], base_seed=20260417)

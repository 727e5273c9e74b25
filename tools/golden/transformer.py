"""Golden tensors of transformer decoders: see decoder_golden.py. Usage: python3 tools/golden/transformer.py [FOLDER]"""

import math

import torch
from decoder_golden import SIZES, write_goldens

ROTARY_BASE = 10_000.0


def rotation(width: int, position: int) -> torch.Tensor:
    """[D / 2] complex: features 2i and 2i + 1, as a complex number, turn by position x theta_i."""
    angle = position * ROTARY_BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.polar(torch.ones_like(angle), angle)


def turn(x: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """x [..., D]"""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2)


class SelfAttention(torch.nn.Module):
    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.in_proj_weight = torch.nn.Parameter(torch.randn(3 * width, width) / math.sqrt(width))
        self.in_proj_bias = torch.nn.Parameter(0.5 * torch.randn(3 * width))
        self.out_proj = torch.nn.Linear(width, width)

    def step(self, x: torch.Tensor, rotation: torch.Tensor, ring: torch.Tensor | None):
        """x [B, E]; ring holds the turned keys and the values [2, B, heads, bins, D] of the bins before."""
        batch, width = x.shape
        qkv = torch.nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        qkv = qkv.view(batch, 3, self.heads, 1, width // self.heads).transpose(0, 1)  # [3, B, heads, 1, D]
        query, key = turn(qkv[:2], rotation)
        new = torch.stack([key, qkv[2]])
        ring = new if ring is None else torch.cat([ring, new], dim=3)[..., -self.window :, :]
        keys, values = ring
        scores = query @ keys.transpose(2, 3) / math.sqrt(width // self.heads)  # [B, heads, 1, bins]
        out = scores.softmax(dim=-1) @ values
        return self.out_proj(out.reshape(batch, width)), ring


class Layer(torch.nn.Module):
    def __init__(self, width: int, heads: int, window: int, feed_forward: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width, heads, window)
        self.linear1 = torch.nn.Linear(width, feed_forward)
        self.linear2 = torch.nn.Linear(feed_forward, width)
        self.norm1 = torch.nn.LayerNorm(width)
        self.norm2 = torch.nn.LayerNorm(width)

    def step(self, x: torch.Tensor, rotation: torch.Tensor, ring: torch.Tensor | None):
        out, ring = self.self_attn.step(self.norm1(x), rotation, ring)
        x = x + out
        units = torch.nn.functional.gelu(self.linear1(self.norm2(x)), approximate="tanh")
        return x + self.linear2(units), ring


class TransformerDecoder(torch.nn.Module):
    def __init__(self, width: int, layers: int, heads: int, window: int, feed_forward: int) -> None:
        super().__init__()
        self.head_width = width // heads
        self.embedding = torch.nn.Linear(SIZES["inputs"], width)
        self.layers = torch.nn.ModuleList(Layer(width, heads, window, feed_forward) for _ in range(layers))
        self.norm = torch.nn.LayerNorm(width)
        self.readout = torch.nn.Linear(width, SIZES["outputs"])
        self.require_torch_names(width, layers, heads, feed_forward)
        for norm in [self.norm] + [norm for layer in self.layers for norm in (layer.norm1, layer.norm2)]:
            torch.nn.init.normal_(norm.weight, 1.0, 0.2)  # fresh gains of 1 would hide a gain that is forgotten
            torch.nn.init.normal_(norm.bias, 0.0, 0.2)

    def require_torch_names(self, width: int, layers: int, heads: int, feed_forward: int) -> None:
        layer = torch.nn.TransformerEncoderLayer(width, heads, feed_forward, norm_first=True)
        theirs = torch.nn.TransformerEncoder(layer, layers, torch.nn.LayerNorm(width)).state_dict()
        ours = {name: p for name, p in self.state_dict().items() if name.startswith(("layers.", "norm."))}
        assert {n: p.shape for n, p in ours.items()} == {n: p.shape for n, p in theirs.items()}

    def update_of(self, name: str) -> str:
        return "decayed" if dict(self.named_parameters())[name].dim() == 2 else "undecayed"

    def batch_step(self, x: torch.Tensor, state):
        """x [B, I] -> [B, O]"""
        position, rings = state or (0, [None] * len(self.layers))
        turns = rotation(self.head_width, position)
        x = self.embedding(x)
        next_rings = []
        for layer, ring in zip(self.layers, rings):
            x, ring = layer.step(x, turns, ring)
            next_rings.append(ring)
        return self.readout(self.norm(x)), (position + 1, next_rings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, outputs = None, []
        for row in x:
            output, state = self.batch_step(row, state)
            outputs.append(output)
        return torch.stack(outputs)

    def step(self, features: torch.Tensor, state):
        output, state = self.batch_step(features[None, :], state)
        return output[0], state


def case(name: str, width: int, layers: int, heads: int, window: int, feed_forward: int):
    config = {
        "width": width,
        "layerCount": layers,
        "headCount": heads,
        "windowBins": window,
        "feedForwardCount": feed_forward,
        # No dropout: its masks are ours.
        "inputDropout": 0,
        "layerDropout": 0,
    }
    return name, config, lambda: TransformerDecoder(width, layers, heads, window, feed_forward)


write_goldens(
    "transformer",
    "transformer.py",
    [
        case("transformer-1", width=12, layers=1, heads=2, window=4, feed_forward=10),
        case("transformer-2", width=8, layers=2, heads=2, window=16, feed_forward=13),
    ],
    base_seed=20260326,
)

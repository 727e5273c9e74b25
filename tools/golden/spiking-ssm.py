"""Golden tensors of spiking state space decoders: see decoder_golden.py. Usage: python3 tools/golden/spiking-ssm.py [FOLDER]

A spike is a step function, so rounding moves it where a membrane is near its threshold, and then everything after it
differs. Seeds are drawn so that none is, by the margins below: `clear` raises where that is not so. The early part of the 10,000
streamed bins is not checked: what a spike changes there has faded from the states long before the bins that are kept.
"""

import math

import torch
from decoder_golden import DRIFT_BINS, SIZES, write_goldens

WIDTH, PAIRS, LAYERS = 6, 2, 2
DT_MIN, DT_MAX = 0.05, 0.5
DECAY, TRACE_DECAY, ADAPTATION, LEVELS = 0.125, 0.5, 0.23, 4
TARGET_RATE, RATE_PENALTY = 0.15, 2.0
EPSILON, MOMENTUM = 1e-5, 0.1
TRAINING_MARGIN, STREAM_MARGIN = 1e-4, 2e-5
FADED_BINS = 1000


def clear(distance: torch.Tensor, margin: float) -> None:
    nearest = distance.abs().min().item()
    if nearest < margin:
        raise SystemExit(f"a membrane is {nearest:.1e} from where its spikes or slopes change: choose another seed")


class Triangular(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * (1 - x.abs()).clamp(min=0)


class Dspike(torch.autograd.Function):
    SHARPNESS = 3.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        b = Dspike.SHARPNESS
        slope = b / 2 * (1 - torch.tanh(b * x) ** 2) / math.tanh(b / 2)
        return dy * slope * (x.abs() < 0.5)


class FastSigmoid(torch.autograd.Function):
    SHARPNESS = 5.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x >= 0).to(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy / (1 + FastSigmoid.SHARPNESS * x.abs()) ** 2


class Integer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return torch.floor(u.clamp(0, LEVELS) + 0.5)

    @staticmethod
    def backward(ctx, dy):
        (u,) = ctx.saved_tensors
        return dy * ((u >= 0) & (u <= LEVELS))


class StateSpace(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        spread = math.log(DT_MAX) - math.log(DT_MIN)
        self.log_dt = torch.nn.Parameter(math.log(DT_MIN) + spread * torch.rand(WIDTH))
        self.log_A_real = torch.nn.Parameter(torch.full((WIDTH, PAIRS), math.log(0.5)) + 0.1 * torch.randn(WIDTH, PAIRS))
        self.A_imag = torch.nn.Parameter(math.pi * torch.arange(PAIRS).float().repeat(WIDTH, 1))
        self.C = torch.nn.Parameter(torch.randn(WIDTH, PAIRS, 2) / math.sqrt(2))
        self.D = torch.nn.Parameter(torch.randn(WIDTH))

    def step(self, u: torch.Tensor, h):
        """u [B, H], h [B, H, N/2] complex or None."""
        eigenvalue = torch.complex(-self.log_A_real.exp(), self.A_imag)
        a = (self.log_dt.exp()[:, None] * eigenvalue).exp()
        c = torch.view_as_complex(self.C) * (a - 1) / eigenvalue
        drive = u[..., None].to(a.dtype)
        h = drive.expand(*u.shape, PAIRS) if h is None else a * h + drive
        return 2 * (c * h).sum(-1).real + self.D * u, h


class Neuron(torch.nn.Module):
    """In units of the threshold. State: membrane after the reset, and trace."""

    def __init__(self, kind: str, fire) -> None:
        super().__init__()
        self.kind, self.fire = kind, fire
        self.ln_vth = torch.nn.Parameter(0.3 * torch.randn(WIDTH) - 0.5)
        if kind == "refractory":
            self.ln_magnitude = torch.nn.Parameter(0.3 * torch.randn(WIDTH))
        if kind == "alif":
            self.ln_rho = torch.nn.Parameter(math.log(0.87) + 0.3 * torch.randn(WIDTH))

    def step(self, y: torch.Tensor, state, margin: float):
        membrane, trace = (torch.zeros_like(y), torch.zeros_like(y)) if state is None else state
        u = DECAY * membrane + (-self.ln_vth).exp() * y
        if self.kind == "ilif":
            k = Integer.apply(u)
            if margin > 0:
                inside = u[(u > -1) & (u < LEVELS + 1)]
                clear(inside - inside.floor() - 0.5, margin)
                clear(u, margin)
                clear(u - LEVELS, margin)
            return k / LEVELS, (u - k.detach(), trace)
        if self.kind == "refractory":
            u = u - self.ln_magnitude.exp() * trace
        x = u - 1 - (ADAPTATION * trace if self.kind == "alif" else 0)
        s = self.fire.apply(x)
        if margin > 0:
            clear(x, margin)
            if self.fire is Dspike:
                clear(x.abs() - 0.5, margin)
        if self.kind == "lif":
            return s, (u * (1 - s.detach()), trace)
        if self.kind == "refractory":
            return s, (u, TRACE_DECAY * trace + s.detach())
        keep = (-(-self.ln_rho).exp()).exp()  # exp(-1 / rho)
        return s, (u * (1 - s.detach()), keep * trace + s)


class BatchNorm(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(1 + 0.2 * torch.randn(WIDTH))
        self.bias = torch.nn.Parameter(0.2 * torch.randn(WIDTH))
        self.register_buffer("running_mean", 0.2 * torch.randn(WIDTH))
        self.register_buffer("running_var", 0.5 + torch.rand(WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """By the statistics of x [T, B, H], which the running ones follow."""
        mean, variance = x.mean((0, 1)), x.var((0, 1), unbiased=False)
        with torch.no_grad():
            self.running_mean += MOMENTUM * (mean - self.running_mean)
            self.running_var += MOMENTUM * (x.var((0, 1), unbiased=True) - self.running_var)
        return self.weight * (x - mean) / (variance + EPSILON).sqrt() + self.bias

    def running(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x - self.running_mean) / (self.running_var + EPSILON).sqrt() + self.bias


class Layer(torch.nn.Module):
    def __init__(self, kind: str, fire) -> None:
        super().__init__()
        self.ssm = StateSpace()
        self.neuron = Neuron(kind, fire)
        self.mix = torch.nn.Linear(WIDTH, 2 * WIDTH)
        self.norm = BatchNorm()

    def spikes(self, x: torch.Tensor, state, margin: float):
        h, neuron = (None, None) if state is None else state
        y, h = self.ssm.step(x, h)
        s, neuron = self.neuron.step(y, neuron, margin)
        return s, (h, neuron)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, spikes = None, []
        for row in x:
            s, state = self.spikes(row, state, TRAINING_MARGIN)
            spikes.append(s)
        s = torch.stack(spikes)
        self.penalty = RATE_PENALTY * ((s.mean((0, 2)) - TARGET_RATE) ** 2).mean()
        return self.norm(x + torch.nn.functional.glu(self.mix(s)))

    def step(self, x: torch.Tensor, state, margin: float):
        s, state = self.spikes(x, state, margin)
        return self.norm.running(x + torch.nn.functional.glu(self.mix(s))), state


class SpikingSsmDecoder(torch.nn.Module):
    def __init__(self, kind: str, fire) -> None:
        super().__init__()
        self.embedding = torch.nn.Linear(SIZES["inputs"], WIDTH)
        self.layers = torch.nn.ModuleList(Layer(kind, fire) for _ in range(LAYERS))
        self.readout = torch.nn.Linear(WIDTH, SIZES["outputs"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embedding(x)
        for layer in self.layers:
            x = layer(x)
        return self.readout(x)

    def penalty(self) -> torch.Tensor:
        return sum(layer.penalty for layer in self.layers)

    def step(self, features: torch.Tensor, state):
        bin_index, states = (0, [None] * LAYERS) if state is None else state
        is_checked = bin_index < SIZES["stream"] or bin_index >= DRIFT_BINS - FADED_BINS
        x = self.embedding(features)[None, :]
        for i, layer in enumerate(self.layers):
            x, states[i] = layer.step(x, states[i], STREAM_MARGIN if is_checked else 0)
        return self.readout(x)[0], (bin_index + 1, states)

    def update_of(self, name: str) -> str:
        if ".ssm." in name:
            return "slow"
        return "undecayed" if ".neuron." in name or ".norm." in name else "decayed"


def case(kind: str, fire=None):
    surrogate = {Triangular: "triangular", Dspike: "dspike", FastSigmoid: "fastSigmoid"}.get(fire)
    config = {
        "width": WIDTH,
        "layerCount": LAYERS,
        "stateCount": 2 * PAIRS,
        "neuron": kind,
        "membraneDecay": DECAY,
        "traceDecay": TRACE_DECAY,
        "adaptation": ADAPTATION,
        "levelCount": LEVELS,
        "targetRate": TARGET_RATE,
        "ratePenalty": RATE_PENALTY,
        # No dropout: its masks are ours.
        "inputDropout": 0,
        "layerDropout": 0,
    }
    if surrogate is not None:
        config |= {"surrogate": surrogate, "surrogateSharpness": getattr(fire, "SHARPNESS", 1.0)}
    return f"spiking-ssm-{kind}", config, lambda: SpikingSsmDecoder(kind, fire)


if __name__ == "__main__":
    for seed, kind, fire in (
        (20260400, "lif", Triangular),
        (20260500, "refractory", FastSigmoid),
        (20260602, "alif", Dspike),
        (20260703, "ilif", None),
    ):
        write_goldens("spiking-ssm", "spiking-ssm.py", [case(kind, fire)], base_seed=seed)

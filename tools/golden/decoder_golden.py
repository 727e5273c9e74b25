"""Golden tensors of a decoder from PyTorch: outputs, loss, gradients, streamed outputs, and ten optimiser steps.

PyTorch computes in float64 from values that float32 holds exactly, so that the tensors are correct to the last
float32 bit or so, whatever the machine. Names in the files (T time, B batch, I inputs, O outputs, S, D bins):
  input [T,B,I]  target [T,B,O]  weight [T]       the data; loss is as `squaredError` of src/tensor/engine.ts
  NAME                                            the parameters, by the names of the kind's model file
  output [T,B,O]  loss []  gradient.NAME          of the data and parameters above
  stream.input [S,I]  stream.output [S,O]         one bin at a time with the state kept
  drift.output [16,O]                             the last 16 of 10,000 streamed bins of `drift_counts`
  training.rate [10]  training.norm [10]  training.loss [10]
                                                  of ten steps on the same data: rate, gradient norm before clipping, loss
  training.STEP.NAME                              the parameters after steps 1, 2, 5 and 10

A decoder is a torch.nn.Module with forward(x [T,B,I]) -> [T,B,O] and step(features [I], state or None) -> (output [O],
state), and may have update_of(name), which says how src/tensor/optimiser.ts changes a parameter, and penalty(), the
scalar that the last forward adds to the loss.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors_writer import write_safetensors

TRAINING_STEPS = 10
KEPT_STEPS = (1, 2, 5, 10)
PEAK_RATE = 0.02
SLOW_RATE = 1e-3
WEIGHT_DECAY = 0.05
CLIP_NORM = 1.0
DRIFT_BINS = 10_000
DRIFT_KEPT = 16
SIZES = dict(inputs=7, outputs=2, time=11, batch=3, stream=40)

Tensors = dict[str, torch.Tensor]


def squared_error(prediction: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    _, batch, outputs = prediction.shape
    weighted = weight[:, None, None] * (prediction - target) ** 2
    return weighted.sum() / (batch * outputs * weight.sum())


def total_loss(model: torch.nn.Module, x: torch.Tensor, target: torch.Tensor, weight: torch.Tensor):
    output = model(x)
    loss = squared_error(output, target, weight)
    penalty = getattr(model, "penalty", None)
    return output, loss if penalty is None else loss + penalty()


def drift_counts(seed: int) -> torch.Tensor:
    """[DRIFT_BINS, I] counts 0, 1 and 2, the same as `driftCounts` of test/compliance/golden.ts."""
    bins = np.arange(DRIFT_BINS, dtype=np.uint32)[:, None]
    channels = np.arange(SIZES["inputs"], dtype=np.uint32)[None, :]
    with np.errstate(over="ignore"):
        bits = mix32(mix32(mix32(np.full((1, 1), seed + 0x9E3779B9, np.uint32)) + bins) + channels)
    uniform = bits / 2.0**32
    return torch.from_numpy((uniform >= 0.8).astype(np.float64) + (uniform >= 0.95))


def mix32(x: np.ndarray) -> np.ndarray:
    h = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


@torch.no_grad()
def stream(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """x [S, I] -> [S, O], bin by bin."""
    state, outputs = None, []
    for features in x:
        output, state = model.step(features, state)
        outputs.append(output)
    return torch.stack(outputs)


def train(model: torch.nn.Module, x: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> Tensors:
    update_of = getattr(model, "update_of", lambda name: "decayed")
    groups = []
    for name, parameter in model.named_parameters():
        decay = WEIGHT_DECAY if update_of(name) == "decayed" else 0.0
        groups.append({"params": [parameter], "weight_decay": decay, "is_slow": update_of(name) == "slow"})
    optimiser = torch.optim.AdamW(groups, lr=PEAK_RATE)
    cycle = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        cycle, PEAK_RATE, total_steps=TRAINING_STEPS, cycle_momentum=False
    )
    rates, norms, losses, kept = [], [], [], {}
    for step in range(1, TRAINING_STEPS + 1):
        rate = cycle.param_groups[0]["lr"]
        for group in optimiser.param_groups:
            group["lr"] = min(rate, SLOW_RATE) if group["is_slow"] else rate
        optimiser.zero_grad()
        loss = total_loss(model, x, target, weight)[1]
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM))
        rates.append(torch.tensor(rate))
        losses.append(loss)
        optimiser.step()
        cycle.step()
        if step < TRAINING_STEPS:
            schedule.step()
        if step in KEPT_STEPS:
            kept |= {f"training.{step}.{name}": p.detach().clone() for name, p in named_state(model).items()}
    series = {"rate": rates, "norm": norms, "loss": losses}
    return {f"training.{name}": torch.stack(values) for name, values in series.items()} | kept


def named_state(model: torch.nn.Module) -> Tensors:
    """Parameters, then buffers that training averages."""
    return {name: value.detach().clone() for name, value in model.state_dict().items() if value.is_floating_point()}


def widen(model: torch.nn.Module) -> torch.nn.Module:
    """Values that float32 holds, in float64."""
    return model.float().double()


def golden(model: torch.nn.Module, seed: int) -> Tensors:
    """Everything is drawn in float32, then widened."""
    x = torch.randn(SIZES["time"], SIZES["batch"], SIZES["inputs"]).double()
    # Targets this far from the outputs make the first gradients longer than the clipping norm, the last ones shorter.
    target = (2 * torch.randn(SIZES["time"], SIZES["batch"], SIZES["outputs"]) + 1).double()
    weight = torch.rand(SIZES["time"]).double()
    weight[:2] = 0  # as in training: the first bins warm the state up
    stream_input = torch.randn(SIZES["stream"], SIZES["inputs"]).double()

    tensors: Tensors = {"input": x, "target": target, "weight": weight} | named_state(model)
    tensors |= {"stream.input": stream_input, "stream.output": stream(model, stream_input)}
    tensors |= {"drift.output": stream(model, drift_counts(seed))[-DRIFT_KEPT:]}
    start = {name: value.clone() for name, value in model.state_dict().items()}
    output, loss = total_loss(model, x, target, weight)
    loss.backward()
    tensors |= {"output": output, "loss": loss}
    tensors |= {f"gradient.{name}": p.grad.clone() for name, p in model.named_parameters()}
    model.load_state_dict(start)  # the forward pass has moved running statistics
    return tensors | train(model, x, target, weight)


def write_goldens(kind: str, script: str, cases: list[tuple[str, dict, object]], base_seed: int) -> None:
    """cases: (name of the file, config of the kind, function that makes the module). One file each."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "test/golden/fixtures")
    torch.set_num_threads(1)
    for index, (name, config, make) in enumerate(cases):
        seed = base_seed + index
        torch.manual_seed(seed)
        tensors = golden(widen(make()), seed)
        metadata = {
            "source": f"tools/golden/{script}",
            "seed": str(seed),
            "torch": torch.__version__,
            "kind": kind,
            "config": json.dumps(config),
            "peak_rate": str(PEAK_RATE),
            "weight_decay": str(WEIGHT_DECAY),
            "clip_norm": str(CLIP_NORM),
        }
        write_safetensors(folder / f"{name}.safetensors", tensors, metadata)


"""Golden tensors of GRU decoders from PyTorch: outputs, loss, gradients, streamed outputs, and ten optimiser steps.

Usage: python3 tools/golden/gru.py [FOLDER]        (default: test/golden/fixtures)

PyTorch computes in float64 from values that float32 holds exactly, so that the tensors are correct to the last
float32 bit or so, whatever the machine. Names in the files (T time, B batch, I inputs, H hidden, O outputs):
  input [T,B,I]  target [T,B,O]  weight [T]       the data; loss is as `squaredError` of src/tensor/engine.ts
  rnn.weight_ih_l0 ... readout.bias               the parameters, as torch.nn.GRU and torch.nn.Linear name them
  output [T,B,O]  loss []  gradient.NAME          of the data and parameters above
  stream.input [S,I]  stream.output [S,O]         one bin at a time with the hidden state kept
  training.rate [10]  training.norm [10]  training.loss [10]
                                                  of ten steps on the same data: rate, gradient norm before clipping, loss
  training.STEP.NAME                              the parameters after steps 1, 2, 5 and 10
"""

import sys
from pathlib import Path

import torch
from safetensors_writer import write_safetensors

SEED = 20260315
TRAINING_STEPS = 10
KEPT_STEPS = (1, 2, 5, 10)
PEAK_RATE = 0.02
WEIGHT_DECAY = 0.05
CLIP_NORM = 1.0
SIZES = dict(inputs=7, hidden=13, outputs=2, time=11, batch=3, stream=40)

Tensors = dict[str, torch.Tensor]


class GruDecoder(torch.nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int, layers: int) -> None:
        super().__init__()
        self.rnn = torch.nn.GRU(inputs, hidden, layers)
        self.readout = torch.nn.Linear(hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.rnn(x)[0])


def squared_error(prediction: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    _, batch, outputs = prediction.shape
    weighted = weight[:, None, None] * (prediction - target) ** 2
    return weighted.sum() / (batch * outputs * weight.sum())


def stream(model: GruDecoder, x: torch.Tensor) -> torch.Tensor:
    """x [S, I] -> [S, O], bin by bin."""
    state, outputs = None, []
    for features in x:
        hidden, state = model.rnn(features[None, None, :], state)
        outputs.append(model.readout(hidden[0, 0]))
    return torch.stack(outputs)


def train(model: GruDecoder, x: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> Tensors:
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=TRAINING_STEPS, cycle_momentum=False
    )
    rates, norms, losses, kept = [], [], [], {}
    for step in range(1, TRAINING_STEPS + 1):
        optimiser.zero_grad()
        loss = squared_error(model(x), target, weight)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM))
        rates.append(torch.tensor(optimiser.param_groups[0]["lr"]))
        losses.append(loss)
        optimiser.step()
        if step < TRAINING_STEPS:
            schedule.step()
        if step in KEPT_STEPS:
            kept |= {f"training.{step}.{name}": p.detach().clone() for name, p in model.named_parameters()}
    series = {"rate": rates, "norm": norms, "loss": losses}
    return {f"training.{name}": torch.stack(values) for name, values in series.items()} | kept


def golden(layers: int) -> Tensors:
    torch.manual_seed(SEED + layers)
    # Everything is drawn in float32, then widened.
    model = GruDecoder(SIZES["inputs"], SIZES["hidden"], SIZES["outputs"], layers).double()
    x = torch.randn(SIZES["time"], SIZES["batch"], SIZES["inputs"]).double()
    # Targets this far from the outputs make the first gradients longer than the clipping norm, the last ones shorter.
    target = (2 * torch.randn(SIZES["time"], SIZES["batch"], SIZES["outputs"]) + 1).double()
    weight = torch.rand(SIZES["time"]).double()
    weight[:2] = 0  # as in training: the first bins warm the state up
    stream_input = torch.randn(SIZES["stream"], SIZES["inputs"]).double()

    output = model(x)
    loss = squared_error(output, target, weight)
    loss.backward()
    tensors: Tensors = {"input": x, "target": target, "weight": weight}
    tensors |= {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    tensors |= {"output": output, "loss": loss}
    tensors |= {f"gradient.{name}": parameter.grad.clone() for name, parameter in model.named_parameters()}
    tensors |= {"stream.input": stream_input, "stream.output": stream(model, stream_input)}
    return tensors | train(model, x, target, weight)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "test/golden/fixtures")
    torch.set_num_threads(1)
    for layers in (1, 2):
        metadata = {
            "source": "tools/golden/gru.py",
            "seed": str(SEED + layers),
            "torch": torch.__version__,
            "layers": str(layers),
            "peak_rate": str(PEAK_RATE),
            "weight_decay": str(WEIGHT_DECAY),
            "clip_norm": str(CLIP_NORM),
        }
        write_safetensors(folder / f"gru-{layers}.safetensors", golden(layers), metadata)


main()

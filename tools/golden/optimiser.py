"""Golden tensors of the optimiser from PyTorch: AdamW, clipping by the global norm and the one-cycle rate.

Usage: python3 tools/golden/optimiser.py [FOLDER]        (default: test/golden/fixtures)

Names in the file (N parameters, ten steps):
  parameter [11,N]        before the first step and after each
  gradient [10,N]         as given to the optimiser, before clipping
  norm [10]  rate [10]    gradient norm before clipping; learning rate of the step
  cycle.TOTAL.RISE [TOTAL]  rates of whole one-cycle schedules with peak 1: TOTAL steps, RISE percent of them rising
"""

import sys
from pathlib import Path

import torch
from safetensors_writer import write_safetensors

SEED = 20260316
STEPS = 10
COUNT = 37
PEAK_RATE = 0.05
WEIGHT_DECAY = 0.1
CLIP_NORM = 1.0
CYCLES = ((10, 30), (100, 30), (37, 10), (1000, 25))


def one_cycle(parameter: torch.Tensor, peak: float, steps: int, rise: float):
    optimiser = torch.optim.AdamW([parameter], lr=peak, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, total_steps=steps, pct_start=rise, anneal_strategy="cos", cycle_momentum=False
    )
    return optimiser, schedule


def cycle_rates(steps: int, rise: float) -> torch.Tensor:
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser, schedule = one_cycle(parameter, 1.0, steps, rise)
    rates = []
    for step in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if step + 1 < steps:
            schedule.step()
    return torch.tensor(rates)


def golden() -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    parameter = torch.nn.Parameter(torch.randn(COUNT).double())
    # Every other gradient is longer than the clipping norm; elements span six orders of magnitude.
    magnitude = 10 ** torch.linspace(-6, 0, COUNT)
    length = torch.tensor([3.0 if step % 2 == 0 else 0.2 for step in range(STEPS)])
    gradients = (torch.randn(STEPS, COUNT) * magnitude * length[:, None]).double()

    optimiser, schedule = one_cycle(parameter, PEAK_RATE, STEPS, 0.3)
    parameters, norms, rates = [parameter.detach().clone()], [], []
    for step in range(STEPS):
        parameter.grad = gradients[step].clone()
        norms.append(torch.nn.utils.clip_grad_norm_([parameter], CLIP_NORM))
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        parameters.append(parameter.detach().clone())
        if step + 1 < STEPS:
            schedule.step()
    tensors = {
        "parameter": torch.stack(parameters),
        "gradient": gradients,
        "norm": torch.stack(norms),
        "rate": torch.tensor(rates),
    }
    cycles = {f"cycle.{steps}.{rise}": cycle_rates(steps, rise / 100) for steps, rise in CYCLES}
    return tensors | cycles


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "test/golden/fixtures")
    torch.set_num_threads(1)
    metadata = {
        "source": "tools/golden/optimiser.py",
        "seed": str(SEED),
        "torch": torch.__version__,
        "peak_rate": str(PEAK_RATE),
        "weight_decay": str(WEIGHT_DECAY),
        "clip_norm": str(CLIP_NORM),
    }
    write_safetensors(folder / "optimiser.safetensors", golden(), metadata)


main()

"""A PyTorch state dict to import, in several float types, and what its module computes.

Usage: python3 tools/golden/state_dict.py [FOLDER]        (default: test/golden/fixtures)

state-dict-gru.safetensors: state_dict() of `Reader` under the prefix 'module.', as DataParallel saves it: the GRU's matrices
  BF16, its biases F64, the readout F16, and a counter I64 that no decoder needs.
state-dict-gru-expected.safetensors: the same tensors as F32, by the same names; stream.input [S,I] and stream.output [S,O] of the
  module at the values that the types hold, in float64.
"""

import sys
from pathlib import Path

import torch
from safetensors_writer import write_safetensors

SEED = 20260320
INPUTS, HIDDEN, LAYERS, OUTPUTS, STREAM = 5, 6, 2, 2, 40


class Reader(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(INPUTS, HIDDEN, LAYERS)
        self.fc = torch.nn.Linear(HIDDEN, OUTPUTS)
        self.register_buffer("steps", torch.tensor(12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.gru(x)[0])


def stored_type(name: str) -> torch.dtype:
    if name == "steps":
        return torch.int64
    if name.startswith("fc."):
        return torch.float16
    return torch.bfloat16 if "weight" in name else torch.float64


@torch.no_grad()
def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "test/golden/fixtures")
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    module = Reader().double()
    state = {name: value.to(stored_type(name)) for name, value in module.state_dict().items()}
    module.load_state_dict({name: value.to(torch.float64) for name, value in state.items()})
    x = torch.randn(STREAM, INPUTS).double()
    expected = {f"module.{name}": value for name, value in state.items() if name != "steps"}
    expected |= {"stream.input": x, "stream.output": module(x[:, None, :])[:, 0]}
    metadata = {"source": "tools/golden/state_dict.py", "seed": str(SEED), "torch": torch.__version__}
    write_safetensors(folder / "state-dict-gru-expected.safetensors", expected, metadata)
    types = {f"module.{name}": value.dtype for name, value in state.items()}
    write_safetensors(folder / "state-dict-gru.safetensors", {f"module.{n}": v for n, v in state.items()}, metadata, types)


main()

"""State dicts of a GRU, of mamba-ssm blocks and of RWKV-4: see state_dict_golden.py.

Usage: python3 tools/golden/state_dict.py [FOLDER]        (default: test/golden/fixtures)

gru: `Reader` under the prefix 'module.', as DataParallel saves it: the GRU's matrices BF16, its biases F64, the readout F16,
  and a counter I64 that no decoder needs.
mamba: see state_dict_mamba.py; the matrices BF16, the head F16, time constants and norms F32.
rwkv: see state_dict_rwkv.py; the same.
"""

import sys
from pathlib import Path

import torch
from state_dict_golden import write_state_dict
from state_dict_mamba import HeadModel
from state_dict_rwkv import Rwkv

SEED = 20260320
INPUTS, OUTPUTS, LAYERS = 5, 2, 2
GRU_HIDDEN = 6
WIDTH = 8
MAMBA_STATES = 4


class Reader(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(INPUTS, GRU_HIDDEN, LAYERS)
        self.fc = torch.nn.Linear(GRU_HIDDEN, OUTPUTS)
        self.register_buffer("steps", torch.tensor(12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.gru(x[:, None, :])[0])[:, 0]


def gru_type(name: str) -> torch.dtype:
    if name == "steps":
        return torch.int64
    if name.startswith("fc."):
        return torch.float16
    return torch.bfloat16 if "weight" in name else torch.float64


def mixed_type(name: str) -> torch.dtype:
    if name.startswith(("head.", "lm_head.")):
        return torch.float16
    is_matrix = name.endswith(".weight") and "norm" not in name and ".ln" not in name and "ln_" not in name
    return torch.bfloat16 if is_matrix else torch.float32


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "test/golden/fixtures")
    torch.set_num_threads(1)
    cases = [
        ("gru", Reader, gru_type, "module."),
        ("mamba", lambda: HeadModel(INPUTS, WIDTH, LAYERS, OUTPUTS, states=MAMBA_STATES), mixed_type, ""),
        ("rwkv", lambda: Rwkv(INPUTS, WIDTH, LAYERS, OUTPUTS), mixed_type, ""),
    ]
    for index, (name, make, stored_type, prefix) in enumerate(cases):
        seed = SEED + index
        torch.manual_seed(seed)
        metadata = {"source": "tools/golden/state_dict.py", "seed": str(seed), "torch": torch.__version__}
        module = make().double()
        write_state_dict(folder, name, module, stored_type, inputs=INPUTS, metadata=metadata, prefix=prefix)


main()

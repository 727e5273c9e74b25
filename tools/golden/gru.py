"""Golden tensors of GRU decoders: see decoder_golden.py. Usage: python3 tools/golden/gru.py [FOLDER]"""

import torch
from decoder_golden import SIZES, write_goldens

HIDDEN = 13


class GruDecoder(torch.nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.rnn = torch.nn.GRU(SIZES["inputs"], HIDDEN, layers)
        self.readout = torch.nn.Linear(HIDDEN, SIZES["outputs"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.rnn(x)[0])

    def step(self, features: torch.Tensor, state: torch.Tensor | None):
        hidden, state = self.rnn(features[None, None, :], state)
        return self.readout(hidden[0, 0]), state


def case(layers: int):
    # No dropout: its masks are ours.
    config = {"hiddenCount": HIDDEN, "layerCount": layers, "inputDropout": 0, "layerDropout": 0}
    return f"gru-{layers}", config, lambda: GruDecoder(layers)


write_goldens("gru", "gru.py", [case(1), case(2)], base_seed=20260316)

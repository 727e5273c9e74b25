"""Writes a state dict to import, in several float types, and what its module computes. Two files for each NAME:

state-dict-NAME.safetensors: what `module.state_dict()` holds, as a training program saves it.
state-dict-NAME-expected.safetensors: its floats as F32, by the same names; stream.input [S,I] and stream.output [S,O] of the
  module at the values that the types hold, in float64.
"""

from pathlib import Path
from typing import Callable

import torch
from safetensors_writer import write_safetensors

STREAM = 40


@torch.no_grad()
def write_state_dict(
    folder: Path,
    name: str,
    module: torch.nn.Module,
    stored_type: Callable[[str], torch.dtype],
    *,
    inputs: int,
    metadata: dict[str, str],
    prefix: str = "",
) -> None:
    """module: float64, forward(x [S, I]) -> [S, O]. stored_type: of a tensor, by its name."""
    state = {key: value.to(stored_type(key)) for key, value in module.state_dict().items()}
    module.load_state_dict({key: value.to(torch.float64) for key, value in state.items()})
    x = torch.randn(STREAM, inputs).double()
    named = {f"{prefix}{key}": value for key, value in state.items()}
    expected = {key: value for key, value in named.items() if value.is_floating_point()}
    expected |= {"stream.input": x, "stream.output": module(x)}
    write_safetensors(folder / f"state-dict-{name}-expected.safetensors", expected, metadata)
    types = {key: value.dtype for key, value in named.items()}
    write_safetensors(folder / f"state-dict-{name}.safetensors", named, metadata, types)

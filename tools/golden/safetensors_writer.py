"""Writes float32 tensors as .safetensors: u64 header length, JSON header, data. The same tensors give the same bytes."""

import json
import struct
from pathlib import Path

import torch

ALIGNMENT_BYTES = 8


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    header: dict[str, object] = {"__metadata__": metadata}
    data = bytearray()
    for name, tensor in tensors.items():
        values = tensor.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT_BYTES)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(f"{path} {path.stat().st_size} bytes")

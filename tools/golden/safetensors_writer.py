"""Writes tensors as .safetensors: u64 header length, JSON header, data. The same tensors give the same bytes."""

import json
import struct
from pathlib import Path

import torch

ALIGNMENT_BYTES = 8
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
}


def write_safetensors(
    path: Path,
    tensors: dict[str, torch.Tensor],
    metadata: dict[str, str],
    types: dict[str, torch.dtype] | None = None,
) -> None:
    """types: of tensors that are not to be float32."""
    header: dict[str, object] = {"__metadata__": metadata}
    data = bytearray()
    for name, tensor in tensors.items():
        dtype = (types or {}).get(name, torch.float32)
        values = little_endian(tensor.detach().to(dtype).contiguous())
        header[name] = {
            "dtype": DTYPES[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT_BYTES)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(f"{path} {path.stat().st_size} bytes")


def little_endian(tensor: torch.Tensor) -> bytes:
    if tensor.dtype == torch.bfloat16:  # numpy has none; its bits are those of an int16
        tensor = tensor.view(torch.int16)
    values = tensor.numpy()
    return values.astype(values.dtype.newbyteorder("<")).tobytes()

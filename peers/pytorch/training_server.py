"""One decoder's training step in PyTorch, for `betz bench training --peers pytorch`. Usage: training_server.py THREADS

One JSON object per line on stdin, one per line on stdout in reply; numbers of tensors are float32, little-endian, base64.
  {"command": "prepare", "kind", "config", "parts": rows of the batch on each of Betz's threads,
   "parameters": [{"name", "shape", "update", "data"}], "input", "target": {"shape", "data"}, "weight": {...},
   "learningRate", "weightDecay", "clipNorm"}   -> {"program", "loss", "gradients": {name: data}}
  {"command": "step"}   -> {"ms", "loss"} of forward, backward, clipping and AdamW; the loss is that before the step
A request that fails is answered with {"error"}. The end of stdin ends the server.
"""

import base64
import importlib
import json
import sys
import time

import torch

SLOW_RATE = 1e-3  # of src/tensor/optimiser.ts


def decoded(tensor: dict) -> torch.Tensor:
    data = bytearray(base64.b64decode(tensor["data"]))
    return torch.frombuffer(data, dtype=torch.float32).view(tensor["shape"])


def encoded(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor.detach().contiguous().numpy().tobytes()).decode()


class Training:
    def __init__(self, request: dict) -> None:
        self.decode = importlib.import_module(request["kind"].replace("-", "_")).decode
        self.config, self.parts, self.clip_norm = request["config"], request["parts"], request["clipNorm"]
        self.input, self.target, self.weight = (decoded(request[name]) for name in ("input", "target", "weight"))
        self.tensors, groups = {}, {}
        for parameter in request["parameters"]:
            tensor = decoded(parameter)
            self.tensors[parameter["name"]] = tensor
            if parameter["update"] != "averaged":
                groups.setdefault(parameter["update"], []).append(tensor.requires_grad_())
        rate, decay = request["learningRate"], request["weightDecay"]
        self.optimiser = torch.optim.AdamW(
            [
                {
                    "params": tensors,
                    "lr": min(rate, SLOW_RATE) if update == "slow" else rate,
                    "weight_decay": decay if update == "decayed" else 0.0,
                }
                for update, tensors in groups.items()
            ],
            foreach=True,
        )
        self.learned = [tensor for group in groups.values() for tensor in group]

    def loss(self) -> torch.Tensor:
        """As `squaredError` of src/tensor/engine.ts, and what the decoder adds."""
        output, penalties = self.decode(self.tensors, self.config, self.input, self.parts)
        _, batch, outputs = output.shape
        squares = self.weight[:, None, None] * (output - self.target).square()
        return squares.sum() / (batch * outputs * self.weight.sum()) + sum(penalties)

    def backward(self) -> torch.Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        return loss

    def first(self) -> dict:
        """Before any step; running statistics that the forward pass moves are put back."""
        before = {name: tensor.detach().clone() for name, tensor in self.tensors.items() if not tensor.requires_grad}
        loss = self.backward().item()
        for name, tensor in before.items():
            self.tensors[name].copy_(tensor)
        gradients = {name: encoded(tensor.grad) for name, tensor in self.tensors.items() if tensor.requires_grad}
        return {"program": f"PyTorch {torch.__version__}", "loss": loss, "gradients": gradients}

    def step(self) -> dict:
        start = time.perf_counter()
        loss = self.backward()
        torch.nn.utils.clip_grad_norm_(self.learned, self.clip_norm)
        self.optimiser.step()
        ms = 1e3 * (time.perf_counter() - start)
        return {"ms": ms, "loss": loss.item()}


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    training = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["command"] == "prepare":
                training = Training(request)
                reply = training.first()
            else:
                reply = training.step()
        except Exception as error:  # whatever it is, whoever asked has to hear of it
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()

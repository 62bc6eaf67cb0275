"""Writes the files of torch.save that PyTorchFileTests reads. Run it in this folder; needs torch alone."""

import torch

torch.manual_seed(0)
base = torch.arange(24, dtype=torch.float32)
layer = torch.nn.Linear(3, 2)
with torch.no_grad():
    layer.weight.copy_(torch.arange(6).reshape(2, 3))
    layer.bias.copy_(torch.tensor([-1.0, 0.5]))
state = layer.state_dict()  # An OrderedDict with _metadata.
state["whole"] = base.reshape(2, 3, 4)
state["turned"] = base.reshape(2, 3, 4).permute(2, 0, 1)  # Strided, of the same storage.
state["part"] = base[5:17:3]
state["scalar"] = torch.tensor(2.5)
state["empty"] = torch.empty(0, 4)
state["half"] = torch.tensor([1.0, -2.0, 65504.0, 2.0**-24], dtype=torch.float16)
state["half_turned"] = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float16).t()
state["bfloat"] = torch.tensor([1.0, -3.140625], dtype=torch.bfloat16)
state["double"] = torch.tensor([0.1], dtype=torch.float64)
state["parameter"] = torch.nn.Parameter(torch.tensor([7.0]))
state["position_ids"] = torch.arange(4).expand((1, -1))

torch.save(state, "zip.bin")
torch.save(state, "old.bin", _use_new_zipfile_serialization=False)
torch.save(state, "protocol4.bin", pickle_protocol=4)
torch.save(dict(a=torch.ones(1)), "plain.bin")
torch.save({"epoch": 3, "state_dict": state}, "nested.bin")
torch.save(layer, "module.bin")

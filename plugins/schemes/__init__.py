"""Encoders by address: models of the hub, ONNX and TorchScript files, and functions of Python."""

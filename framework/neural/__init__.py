"""NeuralEncoder and its training on Lightning; samples as tensors."""

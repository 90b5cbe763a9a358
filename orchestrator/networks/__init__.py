"""Networks a sweep can name: mlp, cnn, resnet18, and the base class of a user's own.

May import `benchmarks` and what is below it. Begin with `networks.py`.
"""

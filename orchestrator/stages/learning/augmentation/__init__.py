"""Augmentation: random changes of the images of a batch while a task is learned.

May import `stages/option_values.py` and what is below the stages. Begin with `augmentation.py`,
from the entry of a sweep file to the changes of a batch; the operations on the tensors of images
are in `image_operations.py`, `colours.py` and `rand_augment.py`.
"""

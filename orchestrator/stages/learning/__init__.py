"""How a task is learned: the one training loop, and the options of `training` in a sweep file.

May import `code`, the counters of costs, and what is below the stages. Begin with `learner.py`, the
loop; `training_options.py` has the options, each other file one of them, and `augmentation/` that
of images.
"""

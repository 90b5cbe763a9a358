"""How a task is learned: the one training loop, and the options of `training` in a sweep file.

May import `code`, what is counted (`costs.py`, `held_bytes.py`, `record.py`), two helpers
(`option_values.py`, `without_compiler.py`), and what is below the stages. Begin with `learner.py`,
the loop; `training_options.py` has the options, each other file one of them, and `augmentation/`
that of images.
"""

"""Gradient episodic memory: no step may raise the loss on any past task, to first order.

With g the gradient of the batch and g_k that of all examples stored of past task k, where some
<g, g_k> < 0 the step is taken along the nearest gradient that makes no angle above 90 degrees with
any of them:

    g~ = argmin_z 1/2 ||z - g||^2  subject to  <z, g_k> >= 0 for all k;    g~ = g + G^T v

State:
    memory.*: the last examples of each task, see `methods.ring`; they change at each step.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory for continual learning, NeurIPS, eqs. 8-11
    and algorithm 1.

Deviations:
    Those of `methods.episodic` (as in the authors' code, margin is a bound on v) and `methods.ring`
    (shares shrink as tasks are met; theirs are fixed by the number of tasks to come). Products of
    gradients are in single precision, the quadratic programme in double; theirs are all in double.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from methods import base
from methods.der import require_strength
from methods.episodic import gradient_of, learning, multipliers
from methods.memory import Memory, MemoryConfig
from methods.rehearsal import Rehearsal
from methods.ring import RingMemory

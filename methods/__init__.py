"""The built-in methods, by the name used in a sweep.

May import torch and numpy; `parts/` also scipy and Pillow. Only `methods.testing` imports the
orchestrator. Begin with `base.py`, the contract; then any method, one file each.
"""

from __future__ import annotations

from collections.abc import Mapping

from methods.agem import AGEM
from methods.base import Method
from methods.bic import BiC
from methods.coda_prompt import CodaPrompt
from methods.continual_backprop import ContinualBackprop
from methods.cumulative import Cumulative
from methods.der import DER
from methods.der_expand import DERExpand
from methods.derpp import DERPP
from methods.er import ER
from methods.er_ace import ERACE
from methods.ewc import EWC
from methods.fecam import FeCAM
from methods.finetune import Finetune
from methods.freeze import Freeze
from methods.gdumb import GDumb
from methods.gem import GEM
from methods.generative_replay import GenerativeReplay
from methods.gpm import GPM
from methods.hat import HAT
from methods.icarl import ICaRL
from methods.independent import Independent
from methods.joint import Joint
from methods.knn import KNN
from methods.l2 import L2
from methods.l2p import L2P
from methods.lora import InfLoRA
from methods.lucir import LUCIR
from methods.lwf import LwF
from methods.mas import MAS
from methods.memo import MEMO
from methods.mir import MIR
from methods.ncm import NCM
from methods.packnet import PackNet
from methods.pnn import PNN
from methods.podnet import PODNet
from methods.progress_compress import ProgressCompress
from methods.ranpac import RanPAC
from methods.rwalk import RWalk
from methods.shrink_perturb import ShrinkPerturb
from methods.si import SI
from methods.slca import SLCA
from methods.slda import SLDA
from methods.wa import WA

METHODS: Mapping[str, type[Method]] = {
    "finetune": Finetune,
    "joint": Joint,
    "independent": Independent,
    "ewc": EWC,
    "er": ER,
    "cumulative": Cumulative,
    "freeze": Freeze,
    "ncm": NCM,
    "slda": SLDA,
    "ranpac": RanPAC,
    "fecam": FeCAM,
    "knn": KNN,
    "l2": L2,
    "si": SI,
    "mas": MAS,
    "rwalk": RWalk,
    "lwf": LwF,
    "generative_replay": GenerativeReplay,
    "hat": HAT,
    "packnet": PackNet,
    "pnn": PNN,
    "gpm": GPM,
    "der_expand": DERExpand,
    "memo": MEMO,
    "podnet": PODNet,
    "progress_compress": ProgressCompress,
    "agem": AGEM,
    "der": DER,
    "derpp": DERPP,
    "gdumb": GDumb,
    "gem": GEM,
    "icarl": ICaRL,
    "wa": WA,
    "bic": BiC,
    "lucir": LUCIR,
    "er_ace": ERACE,
    "mir": MIR,
    "shrink_perturb": ShrinkPerturb,
    "continual_backprop": ContinualBackprop,
    "l2p": L2P,
    "coda_prompt": CodaPrompt,
    "lora": InfLoRA,
    "slca": SLCA,
}

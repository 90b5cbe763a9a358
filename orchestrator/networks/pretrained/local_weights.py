"""The default weights of libraries, where this machine has them; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import MissingData
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.weights import Weights, open_weights
from orchestrator.networks.zoo import import_timm

FILES = ("model.safetensors", "pytorch_model.bin")  # of a model on Hugging Face's hub


def find_default_weights(backbone: Backbone) -> Weights:
    """Return the default weights of an architecture of a library, from its local cache.

    Raises:
        MissingData: they are not on this machine, or there are none.
    """
    if backbone.kind == "torchvision":
        path, get = _torchvision_file(backbone.name)
    elif backbone.kind == "timm":
        path, get = _timm_file(backbone.name)
    else:
        raise MissingData(f"{backbone.title} has no default weights; give a file")
    if path is None or not path.is_file():
        raise MissingData(
            f"the default weights of {backbone.title} are not on this machine, and nothing is "
            f"downloaded while a sweep runs; get them once by: python -c {get!r}, or give a file"
        )
    return open_weights(path)


def _torchvision_file(name: str) -> tuple[Path | None, str]:
    models = import_torchvision().models
    url: str = models.get_model_weights(name).DEFAULT.url
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return folder / url.rpartition("/")[2], (
        f"from torchvision import models; models.get_model('{name}', weights='DEFAULT')"
    )


def _timm_file(name: str) -> tuple[Path | None, str]:
    get = f"import timm; timm.create_model('{name}', pretrained=True)"
    cfg: Any = import_timm().models.get_pretrained_cfg(name)
    if cfg is None:
        return None, get
    if getattr(cfg, "hf_hub_id", None):
        from huggingface_hub import try_to_load_from_cache

        cached = (try_to_load_from_cache(cfg.hf_hub_id, file) for file in FILES)
        path = next((Path(each) for each in cached if isinstance(each, str)), None)
        if path is not None:
            return path, get
    url = getattr(cfg, "url", "") or ""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return (folder / url.rpartition("/")[2] if url else None), get

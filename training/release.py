"""A candidate folder -> `data/models/released`, the int8 part of it that the project ships."""

import shutil
from dataclasses import replace
from pathlib import Path

from service.errors import GateRefused
from service.model_folder import QUANTIZED, RELEASED, ModelFolder, open_model_folder, write_card

MOST_BYTES = 25_000_000  # so that a clone stays small
_KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json", "README.md", QUANTIZED)


def release(folder: ModelFolder, models: Path) -> ModelFolder:
    """Replaces `models/released` by the int8 part of `folder`, whole or not at all; raises `GateRefused` where that is over 25 MB."""
    n_bytes = sum((folder.path / name).stat().st_size for name in _KEPT)
    if n_bytes > MOST_BYTES:
        raise GateRefused(f"{folder.path}: its int8 part has {n_bytes:,} bytes, and a released model at most {MOST_BYTES:,}")
    target, partial, former = models / RELEASED, models / f".{RELEASED}-new", models / f".{RELEASED}-former"
    if former.exists() and not target.exists():
        former.rename(target)  # a run was killed between the two renames below
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    try:
        for name in _KEPT:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.path / name, partial / name)
        write_card(partial, replace(folder.card, files={}))
        if target.exists():
            target.rename(former)
        try:
            partial.rename(target)
        except BaseException:
            if former.exists():
                former.rename(target)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
    return open_model_folder(models / RELEASED)

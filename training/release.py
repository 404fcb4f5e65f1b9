"""A candidate folder -> `data/models/released`, the int8 part of it that the project ships."""

import os
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
    partial = models / f".{RELEASED}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name in _KEPT:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.path / name, partial / name)
        write_card(partial, replace(folder.card, files={}))
        # The folder is in git: what a crash between these two lines would lose, `git checkout` brings back.
        shutil.rmtree(models / RELEASED, ignore_errors=True)
        partial.rename(models / RELEASED)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_model_folder(models / RELEASED)

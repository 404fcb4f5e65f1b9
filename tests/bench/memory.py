"""How much memory a process and all below it hold."""

from contextlib import suppress

import psutil


def tree_bytes(root: psutil.Process) -> float:
    """Bytes; pages that several of them share are counted once, where the system tells (Linux). Raises `psutil.NoSuchProcess` where `root` is gone."""
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # one below may have ended meanwhile
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return total

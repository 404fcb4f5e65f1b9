"""The keys of the service: made, listed, revoked."""

import argparse
import sys

from service.keys import Keys, Role
from service.settings import Settings


def add(options: argparse.Namespace, settings: Settings) -> int:
    """Prints the key, alone, on standard output, so that it can go into a file or a store of secrets."""
    secret = Keys(settings.keys).add(options.name, Role(options.role), options.per_minute)
    print(secret)
    limit = f", {options.per_minute} times a minute at most" if options.per_minute else ""
    print(f"{options.name} may {options.role}{limit}. The key is shown this once; send it as `Authorization: Bearer KEY`.", file=sys.stderr)
    return 0


def show(_: argparse.Namespace, settings: Settings) -> int:
    """Prints whose keys there are; nothing of the keys themselves."""
    keys = Keys(settings.keys).read()
    if not keys:
        print(f"{settings.keys} holds no key; a service that only this machine can reach answers without", file=sys.stderr)
        return 0
    rows = [("name", "role", "a minute", "made"), *((key.name, key.role, str(key.per_minute or ""), key.created) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, role, per_minute, created in rows:
        print(f"{name:{widths[0]}}  {role:{widths[1]}}  {per_minute:>{widths[2]}}  {created}")
    return 0


def revoke(options: argparse.Namespace, settings: Settings) -> int:
    """Takes a key back; a service that runs notices within a second."""
    Keys(settings.keys).revoke(options.name)
    print(f"{options.name} is let in no more")
    return 0

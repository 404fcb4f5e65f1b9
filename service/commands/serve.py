"""Settings and a model -> a service that listens, until Ctrl-C or SIGTERM."""

import argparse
import logging
import signal
import socket
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from service.classifier import Classifier, classifier_of
from service.documents import load_languages
from service.errors import Fault, InvalidInput
from service.keys import Keys
from service.logs import set_up
from service.model_folder import ModelFolder
from service.registry import Registry
from service.settings import Settings, is_loopback
from service.statements.passage import load_parser

_log = logging.getLogger("onrecord")
_MOST_CONNECTIONS = 1_000  # others get 503; each may hold a body of `max_body_bytes` in memory
_GRACE_SECONDS = 8  # for requests that have begun when the service is to end; `docker stop` kills after 10


def serve(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    """Answers over HTTP. Returns 0 after Ctrl-C or SIGTERM, once the requests that had begun are answered.

    Raises `InvalidInput` where it cannot listen, or strangers could ask.
    """
    import uvicorn  # noqa: PLC0415 - no other command needs a server

    from service.api.app import create_app  # noqa: PLC0415
    from service.api.connections import GuardedProtocol  # noqa: PLC0415
    from service.api.served import ServedModel  # noqa: PLC0415

    host, port = options.host or settings.host, settings.port if options.port is None else options.port
    if not 0 <= port <= 65_535:  # the operating system would take a larger one modulo 65,536
        raise InvalidInput(Fault("--port", str(port), "a whole number from 0 to 65535"))
    has_keys = bool(Keys(settings.keys).read())
    listening = _listen(host, port)
    host, port = listening.getsockname()[:2]
    settings = replace(settings, host=host, open=settings.open or options.open)
    if not has_keys and not settings.is_open_without_keys:
        listening.close()
        wanted = "a key, since others can reach it: `python -m service keys add NAME --role admin` makes one (--open lets everybody in)"
        raise InvalidInput(Fault("--host", f"{host} and no key", wanted))
    results = folder.card.results
    scored = f", macro-F1 {results['macro_f1']:.3f} on {results['n']} held-out quotes" if "macro_f1" in results else ""
    print(f"On Record serves the model {folder.card.name}{scored}")
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(f"  page      {address}/")
    print(f"  API docs  {address}/docs")
    print("  stop      Ctrl-C", flush=True)
    set_up(settings.log)
    if not has_keys and not is_loopback(host):
        _log.warning("the service is open: whoever reaches %s may read, label, retrain and roll back without a key", address)

    def open_classifier(chosen: ModelFolder) -> Classifier:
        return classifier_of(chosen, settings.n_threads or None, most_wait=settings.most_wait_ms / 1000, cache_bytes=settings.cache_bytes)

    registry = None if options.model else Registry(settings.models)  # a model that was named is not changed for another
    served = ServedModel(folder.card, lambda: open_classifier(folder), _load_readers, registry, open_classifier, folder.path.name)
    app = create_app(served, settings)

    class Server(uvicorn.Server):
        """Tells what streams without an end of its own that the end is near; uvicorn would wait for it."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            app.state.is_closing = True
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing here asks who the caller is by address
    )
    server = Server(config)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the service as Ctrl-C does; by itself it would end with -15 what has ended well
    with suppress(KeyboardInterrupt):  # the server has ended in good order before it passes this on
        server.run(sockets=[listening])
    return 0


def _load_readers() -> None:
    load_parser()
    load_languages()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens, so that no address is printed that is somebody else's; port 0 takes one that is free."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((address[0], address[1]), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0].lower()  # Python adds the address in brackets
        raise InvalidInput(Fault("--host and --port", f"{host}:{port}", f"an address to listen on ({reason})")) from None

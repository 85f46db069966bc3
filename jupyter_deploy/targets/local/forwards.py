"""The deployments whose containers the supervisor passes connections on to: their addresses, samples and events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from jupyter_deploy.errors import TargetError
from jupyter_deploy.metrics import fold_metrics
from jupyter_deploy.registry import Record
from jupyter_deploy.targets.local.forwarding import Forward
from jupyter_deploy.targets.local.keeping import Keeping
from jupyter_deploy.targets.local.ledger import Ledger
from jupyter_deploy.targets.local.listeners import Listener, bind_listener
from jupyter_deploy.targets.local.scraping import Scraper


class Forwarded:
    """One deployment that runs in containers."""

    def __init__(self, ledger: Ledger, keeping: Keeping) -> None:
        self.ledger = ledger
        self._keeping = keeping
        self.forward: Forward | None = None
        self.answering = 0
        """How many containers answered when they were last asked."""
        self._scrapers: list[Scraper] = []
        self._sampling: asyncio.Task[None] | None = None

    async def switch(self, host: str, port: int | None, ports: Sequence[int], digest: str | None,
                     avoid: Collection[int] = ()) -> Listener:
        """Send callers to the containers on `ports`; gives the address that they come to."""
        before = self.forward
        if before is None or (before.listener.host, before.listener.port) != (host, port or before.listener.port):
            self.forward = Forward(bind_listener(host, port, avoid, self._keeping))
        assert self.forward is not None
        await self._follow(ports, digest)
        self._shun()
        await self.forward.switch(ports)
        if before is not None and before is not self.forward:
            await before.close(0.0)
        return self.forward.listener

    async def _follow(self, ports: Sequence[int], digest: str | None) -> None:
        """Take samples of other containers from now on, without what they counted before callers came."""
        for old in self._scrapers:
            await old.scrape()
            fold_metrics(old.file)
        self._scrapers = [Scraper(port, self.ledger.metrics / f"container-{port}.metrics", self.ledger.name, digest)
                          for port in ports]
        for new in self._scrapers:
            await new.scrape()
        self.ledger.skip([new.file for new in self._scrapers])
        self.answering = len(ports)

    def sample(self) -> None:
        """Begin to take a sample, unless one is being taken."""
        if self._scrapers and (self._sampling is None or self._sampling.done()):
            self._sampling = asyncio.get_running_loop().create_task(self._sample())

    async def _sample(self) -> None:
        scrapers = self._scrapers
        answers = [await scraper.scrape() for scraper in scrapers]
        if scrapers is self._scrapers:
            self._shun()
            self._note(sum(answers), len(answers))
            self.ledger.take_sample([scraper.file for scraper in scrapers], self.answering)

    def _shun(self) -> None:
        """Send nobody where somebody else answers."""
        if self.forward is not None:
            self.forward.shun({one.port for one in self._scrapers if one.foreign})

    def _note(self, answering: int, wanted: int) -> None:
        if answering < self.answering:
            self.ledger.report("worker-died", f"{wanted - answering} of {wanted} containers do not answer; "
                                              "the engine restarts those that end")
        elif answering > self.answering:
            self.ledger.report("worker-replaced", f"{answering} of {wanted} containers answer")
        self.answering = answering

    async def end(self, seconds: float) -> None:
        """Refuse callers; what is under way may take `seconds`."""
        scrapers, self._scrapers = self._scrapers, []
        if self.forward is not None:
            await self.forward.close(seconds)
            self.forward = None
        for scraper in scrapers:
            await scraper.scrape()
            fold_metrics(scraper.file)
        self.answering = 0


class Forwards:
    """All of them, by name."""

    def __init__(self, make_ledger: Callable[[str], Ledger], taken: Callable[[str], set[int]],
                 keeping: Keeping) -> None:
        self._make_ledger = make_ledger
        self._taken = taken
        self._keeping = keeping
        self._held: dict[str, Forwarded] = {}

    @property
    def idle(self) -> bool:
        """Whether it holds no address."""
        return all(one.forward is None for one in self._held.values())

    @property
    def ports(self) -> dict[str, int]:
        """The ports that callers come to, by deployment."""
        return {name: one.forward.listener.port for name, one in self._held.items() if one.forward is not None}

    async def switch(self, name: str, host: str, port: int | None, ports: Sequence[int], digest: str | None
                     ) -> Listener:
        """Send the callers of a deployment to the containers on `ports` from now on.

        Raises
        ------
        TargetError
            When its port is taken; callers go on being sent where they were.

        """
        held = self._held.get(name) or Forwarded(self._make_ledger(name), self._keeping)
        try:
            listener = await held.switch(host, port, ports, digest, self._taken(name))
        except TargetError:
            if held.ledger.find() is None:
                held.ledger.clear()
            raise
        self._held[name] = held
        return listener

    async def restore(self, record: Record) -> None:
        """Take the address of a deployment again, after a restart of the supervisor or of the machine."""
        try:
            await self.switch(record.name, record.host, record.port, record.limits["ports"], record.api_key_digest)
        except TargetError as error:
            self._make_ledger(record.name).report("failed", str(error))

    async def end(self, name: str, seconds: float) -> None:
        """Refuse the callers of a deployment from now on."""
        held = self._held.pop(name, None)
        if held is not None:
            await held.end(seconds)

    async def end_all(self) -> None:
        """Give all addresses back."""
        await asyncio.gather(*(self.end(name, 0.0) for name in list(self._held)))

    def describe(self) -> dict[str, dict[str, int]]:
        """Tell of each deployment how many containers answer, and on which port."""
        return {name: {"answering": one.answering, "port": one.forward.listener.port}
                for name, one in self._held.items() if one.forward is not None}

    def check(self) -> None:
        """Do what is due once a second."""
        for one in self._held.values():
            one.sample()

    def tidy(self) -> None:
        """Do what is due once a minute."""
        for one in self._held.values():
            one.ledger.tidy()


"""Candidates for one lease file in one process; tests/processes/test_instances.py has them as three."""

import asyncio
import time
from contextlib import asynccontextmanager

from daemon.index_prices.local_election import LocalElection

LEASE_S = 0.4


class Candidate:
    def __init__(self, path, holder):
        self.election = LocalElection(path, "index", holder=holder, lease_s=LEASE_S, elapsed_s=time.monotonic)
        self.news = asyncio.Event()

    async def leads(self):
        while self.election.term() is None:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 10)
        return self.election.term().token

    async def is_silent(self):
        while (term := self.election.term()) is not None:
            await asyncio.sleep(term.until_s - time.monotonic())


@asynccontextmanager
async def standing(path, *holders):
    candidates = [Candidate(path, holder) for holder in holders]
    tasks = [asyncio.ensure_future(c.election.run(c.news.set)) for c in candidates]
    try:
        yield candidates
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_an_instance_that_resigns_lets_another_go_first(tmp_path):
    async def night():
        async with standing(tmp_path / "lease", "a") as [first]:
            token = await first.leads()
            async with standing(tmp_path / "lease", "b") as [second]:
                first.election.resign()
                assert first.election.term() is None
                assert await second.leads() == token + 1
            assert await first.leads() == token + 2

    asyncio.run(night())


def test_an_instance_alone_leads_again_under_a_new_token_after_it_resigned(tmp_path):
    async def night():
        async with standing(tmp_path / "lease", "a") as [only]:
            token = await only.leads()
            only.election.resign()
            assert await only.leads() == token + 1

    asyncio.run(night())


def test_tokens_rise_though_the_file_was_removed_and_nobody_leads_two_files(tmp_path):
    async def night():
        path = tmp_path / "lease"
        async with standing(path, "a", "b") as candidates:
            leaders = [asyncio.ensure_future(c.leads()) for c in candidates]
            done, _ = await asyncio.wait(leaders, return_when=asyncio.FIRST_COMPLETED)
            token = done.pop().result()
            await asyncio.sleep(LEASE_S / 2)  # the other one looks at it
            for part in tmp_path.iterdir():
                part.unlink()
            for candidate in candidates:
                await candidate.is_silent()
            again = [asyncio.ensure_future(c.leads()) for c in candidates]
            done, pending = await asyncio.wait(again, return_when=asyncio.FIRST_COMPLETED)
            for task in [*leaders, *pending]:
                task.cancel()
            assert done.pop().result() > token

    asyncio.run(night())

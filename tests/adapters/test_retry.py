import pytest

from adapters.ports import Rejected, Unknown
from adapters.retry import ReadPolicy, read_again
from tests.adapters.scripted import HastyClock, run


def failing(times, error):
    calls = []

    async def read():
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return read, calls


def test_a_read_that_the_network_failed_is_asked_again_on_the_one_clock():
    clock = HastyClock()
    read, _ = failing(3, Unknown("reset"))
    assert run(read_again(clock, ReadPolicy(), read)) == 4
    assert clock.slept == [0.5, 1.0, 2.0]


def test_it_gives_up_after_its_attempts_with_the_last_error():
    read, calls = failing(99, Unknown("reset"))
    with pytest.raises(Unknown, match="reset"):
        run(read_again(HastyClock(), ReadPolicy(attempts=3), read))
    assert len(calls) == 3


def test_a_refusal_is_not_asked_again():
    read, calls = failing(99, Rejected("no such coin"))
    with pytest.raises(Rejected):
        run(read_again(HastyClock(), ReadPolicy(), read))
    assert len(calls) == 1

from dataclasses import replace as with_fields
from types import SimpleNamespace

from msgspec.structs import replace

from sim.checks.nonces import NoncesRise
from sim.venue.order_actions import OrderAction
from state.nonces import FileNonces
from state.store import Store
from tests.sim.checks.recorded import Sent, night, seen, steps

DUPLICATE = {"status": "err", "response": "Invalid nonce: duplicate nonce 1"}


def orders():
    return [e for e in night().log if isinstance(e, Sent) and isinstance(e.envelope.action, OrderAction)]


def shown(log):
    """Show a new checker the night's steps first, then envelopes; return what it finds at the end."""
    world = seen(venue=type("", (), {"observers": []})())
    checker = NoncesRise(world)
    for step in steps():
        list(checker.on_step(step))
    for entry in log:
        world.venue.observers[0](entry.envelope, entry.said)
    return list(checker.at_end(world))


def test_a_night_as_it_was_has_nothing_wrong():
    assert shown(orders()) == []


def test_a_nonce_below_that_of_an_earlier_order_is_found():
    first, *rest = orders()
    late = rest[-1]
    low = with_fields(late, envelope=replace(late.envelope, nonce=first.envelope.nonce - 1))
    assert "was signed after" in shown([first, *rest[:-1], low])[0]


def test_an_order_refused_for_a_nonce_that_another_had_is_found():
    first, second = orders()[:2]
    taken = Sent(replace(second.envelope, nonce=first.envelope.nonce), DUPLICATE)
    assert any("refused an order for its nonce" in text for text in shown([first, taken]))


def test_an_envelope_that_came_twice_is_refused_and_nobodys_fault():
    first = orders()[0]
    assert shown([first, Sent(first.envelope, DUPLICATE)]) == []


def test_a_file_below_what_was_used_is_found(tmp_path):
    world = seen(venue=type("", (), {"observers": []})(), directory=tmp_path)
    checker = NoncesRise(world)
    FileNonces(Store(tmp_path).nonces_path).save(5)
    world.venue.observers[0](orders()[0].envelope, {})
    assert "the file holds 5" in next(checker.at_end(world))


def test_a_file_that_went_back_is_found(tmp_path):
    world = seen(venue=type("", (), {"observers": []})(), directory=tmp_path)
    checker = NoncesRise(world)
    FileNonces(Store(tmp_path).nonces_path).save(5)
    assert list(checker.at_end(world)) == []
    Store(tmp_path).nonces_path.unlink()
    assert "it held 5" in next(checker.at_end(world))


def test_a_file_that_nobody_can_read_proves_nothing(tmp_path):
    checker = NoncesRise(seen(venue=type("", (), {"observers": []})(), directory=tmp_path))
    Store(tmp_path).nonces_path.write_bytes(b"{")
    assert list(checker.at_end(seen(directory=tmp_path))) == []


def test_of_a_file_that_a_person_removed_only_what_was_used_since_is_asked(tmp_path):
    operator = SimpleNamespace(removed=[])
    world = seen(venue=SimpleNamespace(observers=[]), directory=tmp_path, operator=operator)
    checker, (before, after) = NoncesRise(world), orders()[:2]
    path = Store(tmp_path).nonces_path
    FileNonces(path).save(before.envelope.nonce)
    world.venue.observers[0](before.envelope, {})
    assert list(checker.at_end(world)) == []
    path.unlink()
    FileNonces(path).save(5)
    operator.removed.append("identity.json")
    assert "the file holds 5" in next(checker.at_end(world))
    operator.removed.append("nonces.json")
    assert list(checker.at_end(world)) == []
    world.venue.observers[0](after.envelope, {})
    assert "the file holds 5" in next(checker.at_end(world))

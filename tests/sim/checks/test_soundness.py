from types import SimpleNamespace

import pytest

from daemon.config_file import ConfigError
from sim.checks.soundness import ErrorsAreExplained, VenueIsSound, _asked
from sim.faults import KINDS
from sim.night import Night
from sim.nights.fault import Fault
from sim.venue.venue import Venue
from state.errors import BadRecord, CorruptFile, DiskRefuses, JournalLost, NewerFile, StateError
from tests.sim.checks.recorded import night, seen


def errors(error, *faults, alerts=()):
    lives = SimpleNamespace(errors=[error] if error else [], daemons=[SimpleNamespace(alerts=alerts)])
    return list(ErrorsAreExplained().at_end(seen(lives=lives, night=Night(seed=1, faults=faults))))


def test_a_night_as_it_was_has_nothing_wrong():
    assert list(VenueIsSound().at_end(night().world)) == []
    assert errors(None) == []


EXPLAINED = [
    (JournalLost("x"), "disk-full"),
    (DiskRefuses("x"), "disk-read-only"),
    (JournalLost("x"), "journal-locked"),
    (CorruptFile("x"), "json-corrupt"),
    (ConfigError("x", ["y"]), "sighup-bad"),
]


@pytest.mark.parametrize(("error", "kind"), EXPLAINED)
def test_an_error_is_explained_by_the_kinds_of_faults_that_cause_it_and_no_other(error, kind):
    assert errors(error, Fault(name=kind, at_s=0.0)) == []
    assert "the daemon ended with" in errors(error, Fault(name="power-cut", at_s=0.0))[0]


@pytest.mark.parametrize(
    "error", [AssertionError("x"), OSError("x"), BadRecord("x"), StateError("x"), NewerFile("x")]
)
def test_an_error_that_no_fault_can_explain_is_found(error):
    every = [Fault(name=name, at_s=0.0) for name in KINDS]
    assert "the daemon ended with" in errors(error, *every)[0]


def test_an_errand_that_failed_in_a_way_it_does_not_know_is_found():
    assert "intent.failed" in errors(None, alerts=("stream.down", "intent.failed"))[0]


def test_a_mistake_of_the_venue_is_found(monkeypatch):
    monkeypatch.setattr(Venue, "mistakes", [KeyError("x")])
    assert "made a mistake" in next(VenueIsSound().at_end(night().world))


def test_a_sum_of_the_venue_that_does_not_hold_is_found(monkeypatch):
    def off(world, **request):
        document = _asked(world, **request)
        if request["type"] == "clearinghouseState":
            document["marginSummary"]["totalNtlPos"] = "1.0"
        return document

    monkeypatch.setattr("sim.checks.soundness._asked", off)
    assert "marginSummary.totalNtlPos" in next(VenueIsSound().at_end(night().world))

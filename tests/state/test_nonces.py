import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.ports import NonceStore
from state.errors import CorruptFile
from state.nonces import FileNonces


def test_nothing_saved_is_zero(tmp_path):
    assert FileNonces(tmp_path / "nonces.json").load() == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(saved=st.lists(st.integers(1, 2**53), min_size=1, max_size=6))
def test_the_highest_ever_saved_is_what_a_restart_finds(tmp_path, saved):
    path = tmp_path / "nonces.json"
    path.unlink(missing_ok=True)
    for nonce in saved:
        store: NonceStore = FileNonces(path)
        store.save(nonce)
    assert FileNonces(path).load() == max(saved)


def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path):
    path = tmp_path / "nonces.json"
    for nonce in (1, 2):
        FileNonces(path).save(nonce)
    path.write_bytes(b"")
    with pytest.raises(CorruptFile, match=r"nonces\.json\.1"):
        FileNonces(path).load()
    with pytest.raises(CorruptFile):
        FileNonces(path).save(10)


def test_the_version_beside_the_file_put_back_after_damage_reuses_nothing(tmp_path):
    path = tmp_path / "nonces.json"
    nonces = FileNonces(path)
    for mark_ms in (5, 60_005, 120_005):
        nonces.save(mark_ms)
        path.write_bytes(path.with_name("nonces.json.1").read_bytes())
        assert FileNonces(path).load() == mark_ms

from datetime import UTC, date, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.sample_build import CUTS, SIZE_MAX_BYTES, Cut, build
from sim.venue.market import Market
from tests.sim.venue.markets import DAY_MS, SAMPLE, SHARED, needs_shared


@pytest.fixture(scope="module")
def last() -> date:
    market = Market.from_directory(SAMPLE, seed=1)
    return datetime.fromtimestamp(market.last_ms / 1000 - 86_400, UTC).date()


def shipped() -> list[Cut]:
    return [cut for cut in CUTS if (SAMPLE / cut.name).exists()]


def test_the_sample_is_under_five_megabytes():
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < SIZE_MAX_BYTES


def test_the_sample_has_the_history_that_a_night_needs():
    market = Market.from_directory(SAMPLE, seed=1)
    midnight = market.last_ms - DAY_MS
    live = [asset for asset in market.assets if market.live(asset.asset_id, midnight)]
    assert len(live) > 100
    assert midnight - market.first_ms >= 200 * DAY_MS
    hours = market._recorded.hourly
    for name in ("BTC", "ETH"):
        assert np.isin(
            np.arange(midnight - 3_600_000, midnight + 3_600_000, 3_600_000), hours.of(name).times
        ).all()
    assert len({market.ladder(0, midnight + 2000 * k).bids for k in range(100)}) > 90


def test_the_manifest_names_every_file_its_sources_and_their_licences(last):
    text = (SAMPLE / "MANIFEST.md").read_text(encoding="utf-8")
    for cut in shipped():
        rows = pq.read_metadata(SAMPLE / cut.name).num_rows
        assert f"| {cut.name} | {rows:,} |" in text
    for word in ("GPL-3.0", "CC BY 4.0", "tlaqData", "freqtrade_hyperliquid_download-data", last.isoformat()):
        assert word in text


@needs_shared
def test_the_sample_is_what_the_builder_cuts_from_the_recorded_set(tmp_path, last):
    build(SHARED, last=last, out=tmp_path)
    for cut in shipped():
        ours, whole = pq.read_table(SAMPLE / cut.name), pq.read_schema(SHARED / cut.name)
        assert ours.schema.equals(whole)
        assert ours.to_pandas().equals(pq.read_table(tmp_path / cut.name).to_pandas())

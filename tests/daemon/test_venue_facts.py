"""What a daemon is told by a simulated venue, and how it paces itself by it."""

import http.server
import json
import threading

import pytest

from daemon import wiring
from daemon.options import BadUse
from daemon.settings import Settings
from daemon.venue_facts import venue_facts
from sim.venue.limits import WITHOUT_WEIGHT, Limits
from tests.sim.venue.serving import serving

KEY = "0x" + "11" * 32


@pytest.mark.parametrize("weight", [1200, 240])
def test_the_weight_that_the_venue_tells_is_the_pace_of_the_reads(weight):
    with serving(limits=Limits(weight_per_min=weight)) as server:
        assert venue_facts(server.url).ip_weight_per_min == weight


def test_a_venue_that_limits_nobody_says_so():
    with serving(limits=WITHOUT_WEIGHT) as server:
        assert venue_facts(server.url).ip_weight_per_min is None


@pytest.fixture
def older_venue():
    """A venue that tells its clock and its key, but no weight."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            document = {"key": KEY} if self.path.endswith("account") else {"now_ms": 5, "speed": 2.0}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_where_no_weight_is_told_the_real_venues_holds(older_venue):
    ends = wiring.remote_ends(Settings(), older_venue)
    assert ends.weight_per_min == 1200
    assert ends.clock.speed == 2.0


def test_what_is_no_venue_of_ours_is_bad_use():
    with pytest.raises(BadUse, match="no nightdesk venue answers there"):
        venue_facts("http://127.0.0.1:1")

import asyncio
import json
import socket
import stat
import threading

import pytest

from daemon import control
from daemon.control import ControlServer, NotRunning, ask, socket_path


def served(directory, handler, questions):
    """Ask from another thread, as a command in another process would; return the answers."""

    async def serve():
        server = ControlServer(directory, handler)
        await server.start()
        try:
            return [await asyncio.to_thread(question) for question in questions]
        finally:
            await server.close()

    return asyncio.run(serve())


def raw(directory, line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(socket_path(directory)))
        connection.sendall(line)
        return json.loads(connection.makefile("rb").readline())


def test_a_question_gets_what_the_handler_says(tmp_path):
    def handler(request):
        return {"heard": request}

    (answer,) = served(tmp_path, handler, [lambda: ask(tmp_path, do="status", n=1)])
    assert answer == {"heard": {"do": "status", "n": 1}}


def test_what_is_no_request_gets_a_reason(tmp_path):
    answers = served(tmp_path, dict, [lambda: raw(tmp_path, b"hello\n"), lambda: raw(tmp_path, b"[1]\n")])
    assert "not JSON" in answers[0]["error"]
    assert "JSON object" in answers[1]["error"]


def test_only_the_owner_may_ask_and_nothing_is_left_behind(tmp_path):
    def mode():
        return stat.S_IMODE(socket_path(tmp_path).stat().st_mode)

    assert served(tmp_path, dict, [mode]) == [0o600]
    assert not socket_path(tmp_path).exists()
    with pytest.raises(NotRunning, match="no daemon runs on"):
        ask(tmp_path, do="status")


def test_a_socket_that_a_crash_left_behind_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(tmp_path)))
    with pytest.raises(NotRunning):
        ask(tmp_path, do="status")
    assert served(tmp_path, lambda _: {"well": True}, [lambda: ask(tmp_path, do="x")]) == [{"well": True}]


def test_a_deep_directory_gets_a_short_socket(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    assert len(str(socket_path(deep))) <= control.PATH_MAX
    assert socket_path(deep) != socket_path(deep.parent)
    assert served(deep, lambda _: {"well": True}, [lambda: ask(deep, do="x")]) == [{"well": True}]


def test_a_daemon_that_does_not_answer_times_out(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "ANSWER_S", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(socket_path(tmp_path)))
        silent.listen()
        with pytest.raises(TimeoutError):
            ask(tmp_path, do="status")


def test_a_daemon_that_dies_while_asked_is_not_running(tmp_path):
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(socket_path(tmp_path)))
        dying.listen()
        threading.Thread(target=lambda: dying.accept()[0].close(), daemon=True).start()
        with pytest.raises((NotRunning, ConnectionError)):
            ask(tmp_path, do="status")

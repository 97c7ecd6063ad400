"""The sources on this machine, and a value that shows itself nowhere."""

import copy
import json
import os
import pickle

import msgspec
import pytest

from adapters.secrets import (
    CredentialError,
    EnvironmentSecrets,
    FileSecrets,
    Secret,
    Sources,
    SystemdCredentials,
)

VALUE = "tok-9f81c2-do-not-show"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{VALUE}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r}".format, lambda s: f"{[s]} { ({'a': s}) }"])
def test_a_secret_does_not_print(shown):
    assert VALUE not in shown(Secret(VALUE))


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, msgspec.json.encode, copy.deepcopy, vars])
def test_a_secret_is_written_by_nobody(write):
    with pytest.raises(TypeError) as refused:
        write(Secret(VALUE))
    assert VALUE not in str(refused.value)


def test_two_secrets_are_equal_by_their_values():
    assert Secret(VALUE) == Secret(VALUE) != Secret("another")
    assert len({Secret(VALUE), Secret(VALUE)}) == 1
    assert Secret(VALUE) != VALUE


def test_a_variable_is_read_and_a_missing_or_empty_one_is_named():
    source = EnvironmentSecrets({"NIGHT_TOKEN": VALUE, "EMPTY": " "})
    assert source.read("NIGHT_TOKEN").reveal() == VALUE
    with pytest.raises(CredentialError, match=r"\$OTHER: no such variable"):
        source.read("OTHER")
    with pytest.raises(CredentialError, match=r"\$EMPTY is empty"):
        source.read("EMPTY")


def test_a_file_of_the_owner_is_read_without_its_line_end(path):
    assert FileSecrets().read(str(path)).reveal() == VALUE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_reach_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(CredentialError, match=f"mode {mode:o}.*chmod 600"):
        FileSecrets().read(str(path))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.write_text("\n"), "is empty"),
        (lambda p: p.write_bytes(b"\xff\xfe"), "not text"),
        (lambda p: p.write_bytes(b"a" * 70_000), "longer than"),
        (lambda p: p.unlink(), "cannot be read"),
        (lambda p: (p.unlink(), p.mkdir(mode=0o700)), "Is a directory"),
        (lambda p: (p.unlink(), os.mkfifo(p, 0o600)), "no plain file"),
    ],
    ids=["empty", "bytes", "long", "missing", "directory", "pipe"],
)
def test_what_is_no_file_of_a_secret_is_refused_at_once(path, make, words):
    make(path)
    with pytest.raises(CredentialError, match=words):
        FileSecrets().read(str(path))


def test_systemd_hands_a_credential_over_by_name(path):
    source = SystemdCredentials({"CREDENTIALS_DIRECTORY": str(path.parent)})
    path.chmod(0o440)
    assert source.read("token").reveal() == VALUE
    with pytest.raises(CredentialError, match="LoadCredential=token"):
        SystemdCredentials({}).read("token")


def test_a_source_that_is_not_configured_is_named_with_those_that_are(path):
    sources = Sources({"file": FileSecrets(), "env": EnvironmentSecrets({})})
    assert sources.read(f"file:{path}") == Secret(VALUE)
    with pytest.raises(CredentialError, match="'vault' is not configured; there are file, env"):
        sources.read("vault:secret/a#b")

"""Settings: who wins, what is refused, what is printed."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from journey_engine.run.environment import unknown
from journey_engine.run.settings import Settings, environment, load


@pytest.fixture(autouse=True)
def no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOURNEY_CONFIG", "JOURNEY_BROKERS", "JOURNEY_WEB_PORT", "JOURNEY_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_code_wins_over_environment_over_secrets_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "worker.yaml"
    config.write_text("app_id: file\nweb_port: 1\nmerge_idle_ms: 1\nsasl_username: file\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "JOURNEY_SASL_USERNAME").write_text("secret")
    (secrets / "JOURNEY_WEB_PORT").write_text("2")
    monkeypatch.setenv("JOURNEY_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("JOURNEY_CONFIG", str(config))
    monkeypatch.setenv("JOURNEY_WEB_PORT", "3")
    monkeypatch.setenv("JOURNEY_MERGE_IDLE_MS", "3")
    settings = load(merge_idle_ms=4)
    assert settings.merge_idle_ms == 4
    assert settings.web_port == 3
    assert settings.sasl_username == "secret"
    assert settings.app_id == "file"


def test_brokers_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEY_BROKERS", "a:1, b:2")
    assert load().brokers == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("brokers", "nowhere", "is not HOST:PORT"),
        ("brokers", "", "name at least one broker"),
        ("brokers", "127.0.0.1:99999", "ports are 1 to 65535"),
        ("brokers", "127.0.0.1:0", "ports are 1 to 65535"),
        ("brokers", "127.0.0.1:²", "is not HOST:PORT"),
        ("erasure_key", "", "at least 16"),
        ("session_timeout_s", 60, "session_timeout_s must not be above request_timeout_s"),
        ("security_protocol", "SASL_SSL", "needs sasl_username and sasl_password"),
        ("web_host", "0.0.0.0", "needs web_token"),  # noqa: S104 - refused
        ("web_token", "too-short", "at least 16"),
        ("oauth_token_url", "http://login.example/token", "pattern"),
        ("clock", "sundial", "wall"),
        ("app_id", "Upper", "pattern"),
        ("no_such_setting", 1, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(setting: str, value: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        load(**{setting: value})  # type: ignore[arg-type]  # any setting


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_a_loopback_address_no_token_is_needed(host: str) -> None:
    assert load(web_host=host).web_token is None


FETCHED = {"oauth_token_url": "https://l/t", "oauth_client_id": "c", "oauth_client_secret": "s"}


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ({}, False),
        ({"oauth_token_file": "t"}, True),
        (FETCHED, True),
        (FETCHED | {"oauth_token_file": "t"}, False),
        ({"oauth_token_url": "https://l/t", "oauth_token_file": "t"}, False),
    ],
)
def test_tokens_come_from_one_place(given: dict[str, str], right: bool) -> None:  # noqa: FBT001 - what is expected
    settings: dict[str, Any] = {"sasl_mechanism": "OAUTHBEARER", **given}
    if right:
        assert load(security_protocol="SASL_SSL", **settings).security().sasl_oauth_token_provider
    else:
        with pytest.raises(ValidationError, match="needs either oauth_token_file"):
            load(security_protocol="SASL_SSL", **settings)


def test_each_secret_may_lie_in_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [n for n, field in Settings.model_fields.items() if "Secret" in str(field.annotation)]
    assert {"sasl_password", "tls_key_password", "web_token", "erasure_key"} <= set(secrets)
    for name in secrets:
        file = tmp_path / name
        file.write_text(f" {name} is long enough \n")
        monkeypatch.setenv(f"JOURNEY_{name.upper()}_FILE", str(file))
    settings = load()
    for name in secrets:
        assert getattr(settings, name).get_secret_value() == f" {name} is long enough "
        assert "long enough" not in str(settings.redacted())


def test_a_secret_is_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("one")
    monkeypatch.setenv("JOURNEY_SASL_PASSWORD_FILE", str(file))
    monkeypatch.setenv("JOURNEY_SASL_PASSWORD", "another")
    with pytest.raises(SettingsError, match="JOURNEY_SASL_PASSWORD_FILE are both set"):
        load()
    file.unlink()
    monkeypatch.delenv("JOURNEY_SASL_PASSWORD")
    with pytest.raises(FileNotFoundError, match="password"):
        load()


def test_a_folder_of_secrets_that_is_absent_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_SECRETS_DIR", str(tmp_path / "secretz"))
    with pytest.raises(
        FileNotFoundError, match="secretz: mount them there, or unset JOURNEY_SECRETS_DIR"
    ):
        load()
    monkeypatch.setenv("JOURNEY_SECRETS_DIR", "")
    assert load().erasure_key is None


def test_variables_that_nobody_reads_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("JOURNEY_")]:  # noqa: TID251 - this test's alone
        monkeypatch.delenv(name)
    read = ("BROKERS", "CONFIG", "SECRETS_DIR", "SASL_PASSWORD_FILE", "TLS_CA_FILE")
    for name in (*read, "ENGINE_PORT", "ENGINE_PURE", "BROKER", "SESSION_TIMEOUT", "XYZZY"):
        monkeypatch.setenv(f"JOURNEY_{name}", str(tmp_path))
    assert unknown(Settings) == {
        "JOURNEY_BROKER": "did you mean `JOURNEY_BROKERS`?",
        "JOURNEY_SESSION_TIMEOUT": "did you mean `JOURNEY_SESSION_TIMEOUT_S`?",
        "JOURNEY_XYZZY": "`worker --print-config` lists the settings",
    }


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "worker.yaml"
    config.write_text("brocker: a:1\n")
    with pytest.raises(ValidationError, match="brocker"):
        load(config)


@pytest.mark.parametrize("text", [b"brokers: [\n", b"- brokers\n", b"brokers\n", b"a: \xff\n"])
def test_a_file_that_is_no_mapping_in_yaml_is_named(tmp_path: Path, text: bytes) -> None:
    config = tmp_path / "worker.yaml"
    config.write_bytes(text)
    with pytest.raises(SettingsError, match=r"worker\.yaml is no mapping of settings"):
        load(config)


@pytest.mark.parametrize("said", ["!Secret7", "*Secret7", "@Secret7", "%Secret7", "Secret7: 2026"])
def test_of_what_is_no_yaml_the_place_is_told_not_the_text(tmp_path: Path, said: str) -> None:
    config = tmp_path / "worker.yaml"
    config.write_text(f"app_id: shop\nsasl_password: {said}\n")
    with pytest.raises(SettingsError, match=r"line 2, column \d+$") as error:
        load(config)
    assert "Secret7" not in str(error.value)


def test_a_secret_that_is_no_text_is_named_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff")
    monkeypatch.setenv("JOURNEY_SASL_PASSWORD_FILE", str(file))
    with pytest.raises(SettingsError, match=r"JOURNEY_SASL_PASSWORD_FILE: .*password is not UTF-8"):
        load()


def test_a_file_that_is_absent_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"worker\.yaml"):
        load(tmp_path / "worker.yaml")


def test_secrets_are_not_printed() -> None:
    secret = "hunter2"  # noqa: S105 - not one of ours
    settings = load(security_protocol="SASL_PLAINTEXT", sasl_username="u", sasl_password=secret)
    assert settings.security().sasl_plain_password == secret
    assert secret not in str(settings.redacted()) + repr(settings)


def test_a_password_never_shows_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEY_SASL_PASSWORD", "hunter2")
    with pytest.raises(ValidationError) as refusal:
        load(session_timeout_s=60, request_timeout_s=10)
    assert "hunter2" not in str(refusal.value)


def test_another_process_of_ours_has_these_settings_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_BROKERS", "elsewhere:1")
    monkeypatch.setenv("JOURNEY_CONFIG", str(tmp_path / "not-there.yaml"))
    monkeypatch.setenv("PATH_OF_OTHERS", "kept")
    settings = load(tmp_path_settings(tmp_path), brokers="a:1,b:2", sasl_password="hunter2")  # noqa: S106 - made up
    variables = environment(settings)
    assert variables["PATH_OF_OTHERS"] == "kept"
    for name in [name for name in os.environ if name.startswith("JOURNEY_")]:  # noqa: TID251 - as a child finds it
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load().model_dump() == settings.model_dump()


def tmp_path_settings(folder: Path) -> Path:
    path = folder / "settings.yaml"
    path.write_text("clock: stream\nmerge_idle_ms: 7\n")
    return path


def test_two_deployments_of_one_app_have_nothing_in_common() -> None:
    groups = {load(app_id="shop", topic_prefix=prefix).group for prefix in ("", "eu.", "us.")}
    assert groups == {"shop", "eu.shop", "us.shop"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"registry_urls": "registry:8081"}, "begins with http"),
        ({"registry_urls": "https://me:hush@registry:8081"}, "not in the URL"),
        ({"registry_username": "me"}, "needs registry_password"),
        ({"registry_write_ids": True}, "needs registry_urls"),
    ],
)
def test_a_registry_is_named_whole_and_without_its_password(
    given: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        load(**given)
    assert "hush" not in str(caught.value)
    assert load(registry_urls="http://a, https://b/c").registry_urls == ("http://a", "https://b/c")

"""The configuration is taken as written or refused with every fault, its line and its key."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from gateway.config import Config, load_config
from gateway.core.errors import InvalidInputError
from gateway.core.settings import Secret
from gateway.csvfiles import load_network
from gateway.store import DatabaseSettings

EXAMPLE = Path(__file__).parents[2] / "examples" / "feederline.yaml"
SELDOM = Path(__file__).parents[2] / "docs" / "settings.md"


def faults_of(folder: Path, text: str) -> list[str]:
    file = folder / "feederline.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        load_config(file)
    return list(caught.value.faults)


def test_the_example_says_the_defaults(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE.parent, tmp_path / "examples")
    config = load_config(tmp_path / "examples" / "feederline.yaml")
    assert config.inventory.network == tmp_path / "examples" / "network.csv"
    written = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    written.pop("mqtt")
    defaults = Config.model_validate({"database": {}})
    for section, keys in written.items():
        for key, value in keys.items():
            default = getattr(getattr(defaults, section), key)
            if isinstance(value, dict):
                value = type(default).model_validate(value)
            assert default == (Path(value) if isinstance(default, Path) else value), f"{section}.{key}"


def test_the_targets_that_the_example_leaves_out_are_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(EXAMPLE.parent, tmp_path / "examples")
    file = tmp_path / "examples" / "feederline.yaml"
    text = file.read_text(encoding="utf-8")
    left_out = re.search(r"(?m)^  # targets:.*\n(?:  #   .*\n)+", text)
    assert left_out is not None
    taken_in = re.sub(r"(?m)^  # ", "  ", left_out[0])
    for name in re.findall(r"env: (\w+)", taken_in):
        monkeypatch.setenv(name, "whsec_" + "x" * 43 + "=")
    file.write_text(text.replace(left_out[0], taken_in), encoding="utf-8")
    targets = load_config(file).alerts.targets
    assert [target.format for target in targets] == ["standard", "standard", "servicenow", "chat"]
    network = load_network(tmp_path / "examples" / "network.csv")
    assert all(node in network for target in targets for node in target.below)


def section_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := section_in(part))), None)


def defaults_of(section: type[BaseModel], path: str = "") -> Iterator[tuple[str, object]]:
    for name, field in section.model_fields.items():
        inner = section_in(field.annotation)
        by_name = get_origin(field.annotation) is Mapping  # described where it stands
        if inner is None or inner is Secret or by_name:
            yield path + name, field.get_default(call_default_factory=True)
        else:
            yield from defaults_of(inner, f"{path}{name}.")


def test_every_setting_stands_in_the_example_or_on_the_page_of_the_others_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `([\w.]+)` \| (.+?) \|", SELDOM.read_text(encoding="utf-8"), re.MULTILINE))
    example = EXAMPLE.read_text(encoding="utf-8")
    settings = dict(defaults_of(Config))
    assert listed.keys() <= settings.keys()
    for key, default in settings.items():
        if key not in listed:
            assert re.search(rf"\b{key.rpartition('.')[2]}: ", example), f"{key} is described nowhere"
        elif isinstance(default, bool):
            assert listed[key] == str(default).lower(), key
        elif isinstance(default, int | float):
            assert float(listed[key]) == default, key


def test_every_fault_is_told_at_once_with_line_and_key(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """database:
  url: postgresql://feederline@db/feederline
  passwort: {env: X}
mqtt:
  - url: http://x
  - name: a
    password: hunter2
outage: {sustained_s: -1}
alerts:
  targets:
    - {name: desk, url: "http://desk/", secret: {env: A, file: b}}
targets: {time_zone: Mars/Olympus}
nonsense: 1
""",
    )
    text = "\n".join(faults)
    for expected in (
        "feederline.yaml line 3: database.passwort: unknown key; there are: url, password",
        "feederline.yaml line 5: mqtt.0.url: write mqtt://HOST:PORT",
        "feederline.yaml line 7: mqtt.1.password: must be a section with keys such as: env, file",
        "feederline.yaml line 8: outage.sustained_s: Input should be greater than 0",
        "feederline.yaml line 11: alerts.targets.0.secret: write either env: NAME or file: PATH",
        "feederline.yaml line 12: targets.time_zone: 'Mars/Olympus' is not a time zone",
        "feederline.yaml line 13: nonsense: unknown key; there are: gateway, inventory, database",
    ):
        assert expected in text, text
    assert "hunter2" not in text


@pytest.mark.parametrize("seconds", [60, 300, 900, 3600, 7200, 86_400])
def test_intervals_that_fit_the_hour_or_the_day_are_taken(seconds: int) -> None:
    assert Config.model_validate({"database": {}, "vee": {"interval_s": seconds}}).vee.interval_s == seconds


@pytest.mark.parametrize("hertz", [50, 60.0])
def test_grids_of_either_frequency_are_taken(hertz: float) -> None:
    taken = Config.model_validate({"database": {}, "quality": {"nominal_hz": hertz}})
    assert taken.quality.nominal_hz == hertz


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "database: is missing"),
        ("a: " + "[" * 3000 + "]" * 3000, "line 1: nested too deeply"),
        ("x: &a [*a]", "x: unknown key"),
        ("database: {}\ngateway: {tick_s: yes}", "line 2: gateway.tick_s: Input should be a valid number"),
        ("database: {}\ngateway: {tick_s: true}", "line 2: gateway.tick_s: true does not belong here"),
        ("database: {}\napi: {port: 1:30}", "line 2: api.port: Input should be a valid integer"),
        (
            "database: {}\noutage: {min_score: .inf}",
            "line 2: outage.min_score: Input should be a finite number",
        ),
        ("database: {}\nquality: {nominal_hz: 55}", "line 2: quality.nominal_hz: is neither 50 nor 60"),
        (
            "database: {}\nvee: {interval_s: 700}",
            "line 2: vee.interval_s: neither divides an hour (3600) nor",
        ),
        ("database: {}\nvee: {interval_s: 18000}", "vee.interval_s: neither divides an hour"),
        (
            "database: {}\nbalance: {least_days: 20, history_days: 15, window_days: 14}",
            "line 2: balance: least_days must not be above history_days (15)",
        ),
        (
            "database: {}\nbalance: {least_days: 5, history_days: 15, window_days: 60}",
            "line 2: balance: window_days must not be above history_days (15)",
        ),
        ('database: {}\ngateway: {data_dir: "a\\0b"}', "line 2: gateway.data_dir: holds a NUL character"),
        ("- 1", "must hold sections"),
        ("gateway: [1\n x: 2", "line 2: not YAML"),
        ("gateway: {tick_s: 1, tick_s: 2}", "line 1: tick_s stands there twice, first in line 1"),
        ("gateway: !!python/object:os.system {}", "line 1: not YAML: could not determine a constructor"),
        ("? [1]\n: 2", "line 1: a key must be a plain word"),
        ("2001-99-99", "must hold sections"),
        ("database: {}\nmqtt: [{name: a}, {name: a}]", "mqtt: more than one broker is named a"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in fault for fault in faults_of(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"feederline\.yaml: No such file"):
        load_config(tmp_path / "feederline.yaml")


def test_paths_of_secrets_start_at_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "feederline.yaml"
    file.write_text("database: {password: {file: secret.txt}}\n")
    (tmp_path / "secret.txt").write_text("s3cret\n")
    password = load_config(file).database.password
    assert password is not None
    assert password.reveal() == "s3cret"


def test_a_secret_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInputError, match="byte 0 is not UTF-8"):
        Secret(file=tmp_path / "secret").reveal()


def test_a_secret_that_is_not_there_is_named_but_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "feederline.yaml"
    file.write_text("database: {password: {env: NOT_SET_ANYWHERE}}\n")
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    password = load_config(file).database.password
    assert password is not None
    with pytest.raises(InvalidInputError, match="NOT_SET_ANYWHERE is not set"):
        password.reveal()


@pytest.mark.parametrize(
    ("written", "month", "year"),
    [
        ("{}", (0.999, 15.0), (0.999, "")),
        ("{asai: 0.9995, saidi_minutes: 12}", (0.9995, 12.0), (0.9995, "")),  # once for every window
        ("{asai: 0.9995, month: {asai: 0.998}}", (0.998, 15.0), (0.9995, "")),
        (
            "{month: {saidi_minutes: 5}, rolling_year: {asai: null, saidi_minutes: 90}}",
            (0.999, 5.0),
            ("", 90.0),
        ),
    ],
)
def test_targets_hold_per_window(
    tmp_path: Path, written: str, month: tuple[float, float], year: tuple[object, object]
) -> None:
    file = tmp_path / "feederline.yaml"
    file.write_text(f"database: {{url: postgresql://u@localhost/d}}\ntargets: {written}\n")
    values = load_config(file).targets.values()
    assert (values["target_month_asai"], values["target_month_saidi_minutes"]) == month
    assert (values["target_rolling_year_asai"], values["target_rolling_year_saidi_minutes"]) == year
    assert (values["asai_target"], values["saidi_target_minutes"]) == month


def test_limits_of_the_sections_are_what_dashboards_hold_figures_against(tmp_path: Path) -> None:
    file = tmp_path / "feederline.yaml"
    file.write_text(
        "database: {url: postgresql://u@localhost/d}\n"
        "quality: {three_phase_band: 0.05, single_phase_low: 0.12, unbalance_percent: 1.5}\n"
        "usage: {open_score: 0.9}\nbalance: {high_loss_ratio: 0.2}\n"
    )
    limits = load_config(file).limits()
    assert (limits["voltage_three_phase_low_ratio"], limits["voltage_three_phase_high_ratio"]) == (0.95, 1.05)
    assert (limits["voltage_low_ratio"], limits["voltage_high_ratio"]) == (0.88, 1.07)
    assert (limits["unbalance_limit_percent"], limits["usage_open_score"]) == (1.5, 0.9)
    assert limits["high_loss_ratio"] == 0.2
    defaults = Config(database=DatabaseSettings(url="postgresql://u@localhost/d")).limits()
    assert set(defaults) == set(limits)
    assert defaults["temperature_limit_c"] == 85

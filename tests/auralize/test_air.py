"""Air absorption against the table of the standard."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from auralize.sources.air import air_absorption_db_per_m
from scenes import Medium

TABLE = Path(__file__).parents[1] / "references" / "auralize" / "iso9613_1_table1.csv"


def table():
    with TABLE.open() as file:
        return [tuple(float(row[key]) for key in list(row)[:4]) for row in csv.DictReader(file)]


def test_meets_table_1_of_iso_9613_1():
    rows = table()
    assert len(rows) == 44
    for temperature_c, humidity, label_hz, db_per_km in rows:
        exact_hz = 1000 * 10 ** (round(10 * np.log10(label_hz / 1000)) / 10)
        medium = Medium(temperature_c=temperature_c, relative_humidity_percent=humidity)
        ours = 1000 * air_absorption_db_per_m(np.array(exact_hz), medium)
        assert ours == pytest.approx(db_per_km, rel=0.013)


def test_over_frequency_it_grows_from_nothing():
    loss = air_absorption_db_per_m(np.linspace(0, 24_000, 200), Medium())
    assert loss[0] == 0
    assert np.all(np.diff(loss) > 0)


def test_thin_air_swallows_more():
    """Without relaxation, absorption is inversely proportional to the pressure."""
    dry = {"relative_humidity_percent": 0, "temperature_c": 20}
    high = np.array([100_000.0])
    thin = air_absorption_db_per_m(high, Medium(pressure_kpa=50.6625, **dry))
    normal = air_absorption_db_per_m(high, Medium(pressure_kpa=101.325, **dry))
    assert thin / normal == pytest.approx(2, rel=0.01)

"""The neutral form and stems with directions are what the golden scene is: no program is needed."""

import iem_client
import json_client


def test_json(golden_export):
    figures = json_client.check(golden_export("json"))
    assert figures.position_error_m == 0.0
    assert figures.left_db[0] > figures.left_db[1] + 2
    assert figures.right_db[1] > figures.right_db[0] + 2
    assert figures.start_offset_samples == 0


def test_iem(golden_export):
    figures = iem_client.check(golden_export("iem"))
    assert figures.position_error_m < 0.001
    assert figures.left_db[0] > figures.left_db[1] + 40
    assert figures.right_db[1] > figures.right_db[0] + 40
    assert figures.start_offset_samples == 0

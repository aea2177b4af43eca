# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold of every ledger, whatever was done to it: from the contract, without the product's own code."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

Record = dict


def read(directory: Path) -> list[Record]:
    """Return every record, oldest first; a line that is no JSON object fails."""
    return [
        json.loads(line)
        for file in sorted(directory.glob("ledger-*.jsonl"))
        for line in file.read_bytes().decode("utf-8").splitlines()
    ]


def check(directory: Path) -> None:
    """Fail unless the ledger in ``directory`` is whole: lines, hashes, chain, folios, outcomes, CSV."""
    for file in directory.glob("ledger-*.jsonl"):
        assert file.read_bytes().endswith(b"\n"), f"{file.name} ends in a torn line"
    records = read(directory)
    _check_chain(records)
    folios = Counter(record["folio"] for record in records if record["form_code"])
    assert not [folio for folio, times in folios.items() if times > 1], folios
    assert not [record for record in records if not record["form_code"] and "folio" in record]
    _check_outcomes(records)
    _check_csv(directory, records)


def outcomes(records: list[Record], run_id: str | None = None) -> list[Record]:
    """Return the records that are the outcome of what a run planned (in ``run_id``, if given)."""
    return [
        record
        for record in records
        if (
            record["record_type"] in ("backup", "failure", "recovery", "drill", "disposal", "delivery")
            or (record["record_type"] == "run" and record["run_event"] == "verified")
        )
        and record.get("run_id")
        and "about_folio" not in record
        and run_id in (None, record["run_id"])
    ]


def runs(records: list[Record]) -> list[Record]:
    """Return the records with which runs started."""
    return [record for record in records if record["record_type"] == "run" and record["run_event"] == "started"]


def ended(records: list[Record]) -> dict[str, str]:
    """Return how each run ended: ``ended`` or ``cut_off``; a run that is open is absent."""
    return {
        record["run_id"]: record["run_event"]
        for record in records
        if record["record_type"] == "run" and record["run_event"] in ("ended", "cut_off")
    }


def unit(record: Record) -> str:
    """Return what a plan counts by: an item or, where a whole repository is worked on, its server."""
    return record.get("item_id") or record["server"]


def _check_chain(records: list[Record]) -> None:
    # The first line continues nothing, or what a disposal proves to have been there.
    ends = {
        each["last_record_sha256"] for each in records if each["record_type"] == "disposal" and "ledger_year" in each
    }
    head = records[0]["previous_sha256"] if records else "0" * 64
    assert head in {"0" * 64, *ends}, "the first record is not the beginning"
    for number, record in enumerate(records, start=1):
        bare = {key: value for key, value in record.items() if key != "record_sha256"}
        canonical = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
        assert record["record_sha256"] == hashlib.sha256(canonical).hexdigest(), f"record {number} was changed"
        assert record["previous_sha256"] == head, f"record {number} does not follow the one before it"
        head = record["record_sha256"]


def _check_outcomes(records: list[Record]) -> None:
    counted = Counter((record["run_id"], unit(record)) for record in outcomes(records))
    twice = {key: times for key, times in counted.items() if times > 1}
    assert not twice, f"more than one outcome: {twice}"
    ends = ended(records)
    for run in runs(records):
        if run["run_id"] in ends:
            planned = {unit(each) for each in run["planned"]}
            recorded = {each for run_id, each in counted if run_id == run["run_id"]}
            assert planned == recorded, f"run {run['run_id']} planned {planned} and recorded {recorded}"


def _check_csv(directory: Path, records: list[Record]) -> None:
    expected: dict[str, list[str]] = {}
    for record in records:
        if record["form_code"]:
            stem = record["form_code"].replace("FOR ", "FOR-").replace(" ", "-")
            expected.setdefault(f"{stem}-{record['recorded_at'][:4]}.csv", []).append(record["folio"])
    found = {}
    for file in directory.glob("csv/*.csv"):
        with file.open(encoding="utf-8-sig", newline="") as stream:
            found[file.name] = [row["Folio"] for row in csv.DictReader(stream)]
    assert found == expected, "the CSV files are not what the ledger says"

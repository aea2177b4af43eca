# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the data that are backed up, on the host itself and alike every time: ``hosts.script(host, data.py, ...)``.

    data.py tree DIRECTORY FILES BYTES        files as a web server has them
    data.py databases NAME BYTES              a PostgreSQL and a MariaDB database of that name
    data.py snapshots REPOSITORY EMPTY ITEMS SNAPSHOTS FILES BYTES
                                              a copy of an empty repository, with the snapshots of some weeks

What is there already, made by the same arguments, is left alone.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# How many lie in one directory, and the spread of the sizes: most are small, a few have megabytes.
_PER_DIRECTORY = 25
_SIGMA = 1.5
# 2026-01-01: no program takes the files for ones that are being written.
_MTIME = 1_767_225_600
# The bytes that a person and all that refers to it take in a dump; in the databases, with the keys, it is more.
_PERSON_BYTES = 600


def tree(directory: Path, files: int, total: int) -> None:
    """Make ``files`` files of ``total`` bytes: every other one text, which compresses, the rest like images."""
    chance = random.Random(f"{directory.name} {files}")  # noqa: S311 - to be alike every time
    weights = [chance.lognormvariate(0, _SIGMA) for _file in range(files)]
    scale = total / sum(weights)
    phrases = _phrases(chance)
    shutil.rmtree(directory, ignore_errors=True)
    for number, weight in enumerate(weights):
        size = max(1, round(weight * scale))
        page = number // _PER_DIRECTORY
        parent = directory / f"section-{page % 20:02}" / f"page-{page:04}"
        if number % _PER_DIRECTORY == 0:
            parent.mkdir(parents=True)
        is_text = number % 2 == 0
        path = parent / f"{number:05}.{'html' if is_text else 'jpg'}"
        path.write_bytes(_text(chance, phrases, size) if is_text else chance.randbytes(size))
        os.utime(path, (_MTIME + number, _MTIME + number))


def _phrases(chance: random.Random) -> list[bytes]:
    words = ["".join(chance.choices("aeioulnrstdcmp", k=chance.randint(2, 9))) for _word in range(4_000)]
    return [" ".join(chance.choices(words, k=4)).encode() + b"\n" for _phrase in range(30_000)]


def _text(chance: random.Random, phrases: list[bytes], size: int) -> bytes:
    return b"".join(chance.choices(phrases, k=size // 15 + 1))[:size].ljust(size)


# Keys, references, indexes, short and long text; half of what the long text says was said before.
_TABLES = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, email VARCHAR(80) NOT NULL UNIQUE);
CREATE TABLE course (id INTEGER PRIMARY KEY, title VARCHAR(80) NOT NULL);
CREATE TABLE enrolment (person_id INTEGER NOT NULL, course_id INTEGER NOT NULL, grade NUMERIC(4,1), note VARCHAR(120),
  PRIMARY KEY (person_id, course_id), FOREIGN KEY (person_id) REFERENCES person (id),
  FOREIGN KEY (course_id) REFERENCES course (id));
CREATE TABLE document (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, body TEXT NOT NULL,
  FOREIGN KEY (person_id) REFERENCES person (id));
"""
_ROWS = """
INSERT INTO course SELECT n, CONCAT('Asignatura ', md5(CONCAT(n, ''))) FROM {courses} AS s;
INSERT INTO person SELECT n, CONCAT('Persona ', md5(CONCAT(n, 'p'))), CONCAT(md5(CONCAT(n, 'm')), '@example.org')
  FROM {people} AS s;
INSERT INTO enrolment SELECT p.n, 1 + (p.n * 7 + c.n) % 500, 60 + p.n % 40, CONCAT('Curso regular, grupo ', p.n % 30)
  FROM {people} AS p, {three} AS c;
INSERT INTO document SELECT n, n, CONCAT(
  'Solicitud presentada en ventanilla y turnada al área correspondiente para su atención. Antecedentes: ',
  md5(CONCAT(n, 'a')), md5(CONCAT(n, 'b')), md5(CONCAT(n, 'c')), md5(CONCAT(n, 'd')),
  ' Se anexan los documentos que señala la convocatoria vigente. Acuse: ', md5(CONCAT(n, 'e')), md5(CONCAT(n, 'f')))
  FROM {people} AS s;
"""


def postgresql(name: str, people: int) -> int:
    """Make the database in PostgreSQL and return its size in bytes."""

    def series(number: int) -> str:
        return f"(SELECT generate_series(1, {number}) AS n)"

    client = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1"]
    rows = _ROWS.format(courses=series(500), people=series(people), three=series(3))
    _run([*client, "-d", "postgres"], f"DROP DATABASE IF EXISTS {name};\nCREATE DATABASE {name};\n")
    _run([*client, "-d", name], f"BEGIN;\n{_TABLES}\n{rows}\nCOMMIT;\nVACUUM ANALYZE;\nCHECKPOINT;\n")
    return int(_run([*client, "-d", name], f"SELECT pg_database_size('{name}');"))


def mariadb(name: str, people: int) -> int:
    """Make the database in MariaDB and return its size in bytes."""

    def series(number: int) -> str:
        return f"(SELECT seq AS n FROM seq_1_to_{number})"  # noqa: S608 - a number of ours

    client = ["mariadb", "--batch", "--skip-column-names"]
    rows = _ROWS.format(courses=series(500), people=series(people), three=series(3))
    _run(client, f"DROP DATABASE IF EXISTS {name};\nCREATE DATABASE {name};\n")
    _run(
        [*client, name], f"START TRANSACTION;\n{_TABLES}\n{rows}\nCOMMIT;\nANALYZE TABLE person, enrolment, document;\n"
    )
    size = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema"
    return int(_run(client, f"{size} = '{name}';"))


def snapshots(repository: Path, empty: Path, items: int, number: int, files: int, total: int) -> None:
    """Make a repository of ``items`` items in ``number`` snapshots, on the backup server and as its owner.

    Between two snapshots of an item one in a hundred of its files is written anew.
    """
    source = Path("/srv/bench/items")
    shutil.rmtree(source, ignore_errors=True)
    names = [f"item-{item:02}" for item in range(items)]
    for name in names:
        tree(source / name, files // items, total // items)
    shutil.rmtree(repository, ignore_errors=True)
    _run(["cp", "-a", str(empty), str(repository)])
    with ThreadPoolExecutor(2) as pool:
        for generation in range(number // items):
            list(pool.map(lambda name: _snapshot(repository, source / name, generation), names))  # noqa: B023 - done at once
            for name in names:
                _change(source / name, generation)
    shutil.rmtree(source)


def _snapshot(repository: Path, source: Path, generation: int) -> None:
    owner = repository.owner()
    restic = ["restic", "--quiet", "--repo", str(repository), "--no-cache"]
    restic += ["--password-file", str(repository.parents[1] / "repository.key")]
    said = {"item": source.name, "run": f"R{generation}", "mode": "automatic", "tool": "dse-backup 1.0.0"}
    tags = [f"--tag={key}={value}" for key, value in said.items()]
    _run(["runuser", "-u", owner, "--", *restic, "backup", *tags, str(source)])


def _change(directory: Path, generation: int) -> None:
    chance = random.Random(f"{directory.name} {generation}")  # noqa: S311 - to be alike every time
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in chance.sample(files, max(1, len(files) // 100)):
        path.write_bytes(chance.randbytes(path.stat().st_size))


def _run(command: list[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def main(what: str, where: str, *numbers: str) -> None:
    """Make what is asked for, unless it is there, and print what it came to."""
    mark = Path("/var/tmp") / f"bench-{what}"  # noqa: S108 - the host is ours alone
    wanted = " ".join([where, *numbers])
    if mark.exists() and mark.read_text().splitlines()[0] == wanted:
        print(mark.read_text().splitlines()[1])
        return
    mark.unlink(missing_ok=True)
    made = {}
    if what == "tree":
        tree(Path(where), *map(int, numbers))
    elif what == "snapshots":
        snapshots(Path(where), Path(numbers[0]), *map(int, numbers[1:]))
    else:
        least = int(numbers[0])
        made = {
            "PostgreSQL": postgresql(where, least // _PERSON_BYTES),
            "MariaDB": mariadb(where, least // _PERSON_BYTES),
        }
        if min(made.values()) < least:
            sys.exit(f"a database is smaller than {least} bytes: {made}")
    os.sync()
    mark.write_text(f"{wanted}\n{json.dumps(made)}\n")
    print(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
